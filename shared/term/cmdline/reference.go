package cmdline

import (
	"encoding/json"
	"io"

	"github.com/urfave/cli/v2"
)

// referenceVerb is the first argument with which the manual pages and the
// reference are made: the program itself says what it can be told.
const referenceVerb = "__reference"

// Reference is all that the help of a program says.
type Reference struct {
	Name     string        `json:"name"`
	Usage    string        `json:"usage"`
	About    string        `json:"about"`
	Commands []CommandHelp `json:"commands"`
	Exit     []ExitHelp    `json:"exit"`
}

// CommandHelp is what the help says of one command.
type CommandHelp struct {
	Name      string        `json:"name"`
	Usage     string        `json:"usage"`
	Arguments string        `json:"arguments"`
	About     string        `json:"about"` // paragraphs; lines that begin with a space are examples
	Options   []OptionHelp  `json:"options"`
	Commands  []CommandHelp `json:"commands"`
}

// OptionHelp is what the help says of one option.
type OptionHelp struct {
	Names   []string `json:"names"` // with their dashes
	Value   string   `json:"value"` // what its value is called; empty: it has none
	Many    bool     `json:"many"`
	Usage   string   `json:"usage"`
	Default string   `json:"default"`
	Env     string   `json:"env"`
}

// ExitHelp is what one exit status means.
type ExitHelp struct {
	Status int    `json:"status"`
	Means  string `json:"means"`
}

func (p Program) reference(out io.Writer) error {
	return json.NewEncoder(out).Encode(Reference{
		Name: p.Name, Usage: p.Usage, About: p.About, Commands: commandHelps(p.Commands), Exit: exitHelps(),
	})
}

func commandHelps(commands []*cli.Command) []CommandHelp {
	var out []CommandHelp
	for _, c := range commands {
		if c.Hidden {
			continue
		}
		out = append(out, CommandHelp{
			Name: c.Name, Usage: c.Usage, Arguments: c.ArgsUsage, About: c.Description,
			Options: optionHelps(c.Flags), Commands: commandHelps(c.Subcommands),
		})
	}
	return out
}

func optionHelps(flags []cli.Flag) []OptionHelp {
	var out []OptionHelp
	for _, f := range flags {
		d, ok := f.(cli.DocGenerationFlag)
		if !ok || !visible(f) {
			continue
		}
		o := OptionHelp{Default: defaultOf(f)}
		for _, n := range f.Names() {
			o.Names = append(o.Names, dashed(n))
		}
		o.Value, o.Usage = unquote(d)
		_, o.Many = f.(*cli.StringSliceFlag)
		if env := d.GetEnvVars(); len(env) > 0 {
			o.Env = env[0]
		}
		out = append(out, o)
	}
	return out
}
