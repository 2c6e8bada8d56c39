package cmdline

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"borgfleet/shared/term"
)

// arranged is a command line in the order that the library wants: command,
// options, arguments.
type arranged struct {
	path    []*cli.Command // from the first command down
	args    []string
	help    bool
	version bool
}

// leaf is the command to run; nil if a command is missing.
func (a arranged) leaf() *cli.Command {
	if len(a.path) == 0 {
		return nil
	}
	if c := a.path[len(a.path)-1]; len(c.Subcommands) == 0 {
		return c
	}
	return nil
}

// arrange finds the command, and moves options in front of arguments: people
// write logs 17 -f. What stands after -- is never an option.
func (p Program) arrange(args []string) (arranged, error) {
	var out arranged
	var options, words []string
	once := map[cli.Flag]bool{}
	literal := false
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if literal || arg == "-" || !strings.HasPrefix(arg, "-") {
			if literal || out.leaf() != nil {
				words = append(words, arg)
				continue
			}
			if arg == "help" {
				out.help = true
				continue
			}
			next := find(p.below(out.path), arg)
			if next == nil {
				return out, p.unknown(out.path, arg)
			}
			out.path = append(out.path, next)
			continue
		}
		name, _, hasValue := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		switch {
		case arg == "--":
			literal = true
		case name == "help" || name == "h":
			out.help = true
		case len(out.path) == 0 && (name == "version" || name == "v"):
			out.version = true
		default:
			f := option(out.leaf(), name)
			if f == nil {
				return out, p.unknownOption(out.path, arg)
			}
			if once[f] {
				return out, Usagef("%s is given twice, and only one can be meant: leave one of them out; see %s", dashed(name), p.helpCommand(out.path))
			}
			once[f] = single(f, hasValue)
			options = append(options, arg)
			if _, isBool := f.(*cli.BoolFlag); isBool || hasValue {
				continue
			}
			if i++; i == len(args) {
				return out, Usagef("the option %s needs a value; see %s", dashed(name), p.helpCommand(out.path))
			}
			if next, ok := strings.CutPrefix(args[i], "--"); ok && option(out.leaf(), next) != nil {
				return out, Usagef("the option %s needs a value, and %s is the next option (if it is meant as the value: %s=%s); see %s", dashed(name), args[i], dashed(name), args[i], p.helpCommand(out.path))
			}
			options = append(options, args[i])
		}
	}
	for _, c := range out.path {
		out.args = append(out.args, c.Name)
	}
	out.args = append(out.args, options...)
	out.args = append(append(out.args, "--"), words...)
	return out, nil
}

// single says whether f has one value. The library would take the last one that
// is given, and whoever wrote two hosts would believe that they asked for both.
// A switch that is on twice is on.
func single(f cli.Flag, hasValue bool) bool {
	switch f.(type) {
	case *cli.StringSliceFlag:
		return false
	case *cli.BoolFlag:
		return hasValue
	}
	return true
}

func (p Program) below(path []*cli.Command) []*cli.Command {
	if len(path) == 0 {
		return p.Commands
	}
	return path[len(path)-1].Subcommands
}

func find(commands []*cli.Command, name string) *cli.Command {
	i := slices.IndexFunc(commands, func(c *cli.Command) bool { return c.HasName(name) })
	if i < 0 {
		return nil
	}
	return commands[i]
}

func option(c *cli.Command, name string) cli.Flag {
	if c == nil {
		return nil
	}
	for _, f := range c.Flags {
		if slices.Contains(f.Names(), name) {
			return f
		}
	}
	return nil
}

func optionNames(c *cli.Command) (names []string) {
	for _, f := range c.Flags {
		names = append(names, f.Names()...)
	}
	return names
}

func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

func (p Program) unknown(path []*cli.Command, word string) error {
	var names []string
	for _, c := range p.below(path) {
		if !c.Hidden {
			names = append(names, c.Name)
		}
	}
	meant := ""
	if near := term.Nearest(word, names); near != "" {
		meant = fmt.Sprintf("did you mean %s? ", near)
	}
	return Usagef("there is no command %q; %sthere are %s (see %s)", p.full(path)+" "+word, meant, strings.Join(names, ", "), p.helpCommand(path))
}

func (p Program) unknownOption(path []*cli.Command, arg string) error {
	// Only the name: the value may be a secret.
	name, _, _ := strings.Cut(arg, "=")
	if len(path) == 0 {
		return Usagef("options stand after the command, and %s is none of this program's own: write %s COMMAND %s; see %s", name, p.Name, name, p.helpCommand(path))
	}
	if c := path[len(path)-1]; len(c.Subcommands) > 0 {
		return Usagef("options stand after the whole command: write %s %s %s; see %s", p.full(path), c.Subcommands[0].Name, name, p.helpCommand(path))
	}
	hint := ""
	if len(name) > 1 && name[1] >= '0' && name[1] <= '9' || strings.Contains(name, " ") {
		hint = "; if it is no option, put -- before it"
	} else if near := term.Nearest(strings.TrimLeft(name, "-"), optionNames(path[len(path)-1])); near != "" {
		hint = "; did you mean " + dashed(near) + "?"
	}
	return Usagef("%s has no option %s%s; see %s", p.full(path), name, hint, p.helpCommand(path))
}

func (p Program) full(path []*cli.Command) string {
	full := p.Name
	for _, c := range path {
		full += " " + c.Name
	}
	return full
}

func (p Program) helpCommand(path []*cli.Command) string { return p.full(path) + " --help" }
