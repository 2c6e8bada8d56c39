package cmdline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"borgfleet/shared/term"
)

// Program is a command line with commands.
type Program struct {
	Name     string
	Usage    string // one line
	About    string // a paragraph
	Version  string
	Commands []*cli.Command
	Values   map[string]Values // by what the help calls a value; before it, a command's path if only that one means it
}

// Streams are a process's own.
type Streams struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer
}

// Run carries out args, which do not hold the program's name, and gives the
// exit status. Commands' errors are written to s.Err.
func (p Program) Run(ctx context.Context, args []string, s Streams) int {
	err := p.run(ctx, args, s)
	if e, ok := errors.AsType[*Error](err); err != nil && !(ok && e.Err == nil) {
		fmt.Fprintf(s.Err, "%s: %s\n", p.Name, term.CleanRows(said(err)))
		if next := NextStep(err); next != "" {
			fmt.Fprintf(s.Err, "Next: %s\n", term.CleanRows(next))
		}
	}
	return Code(err)
}

// said is err in words for people. Where somebody pressed Ctrl-C it does not matter
// what was being done, but where a command has its own word for how far it came.
func said(err error) string {
	if Code(err) == ExitInterrupted && errors.Is(err, context.Canceled) {
		return "interrupted"
	}
	return err.Error()
}

// NextStep is what the first error in the chain that knows says about what to do
// now.
func NextStep(err error) string {
	if advice, ok := errors.AsType[interface {
		error
		Next() string
	}](err); ok {
		return advice.Next()
	}
	return ofSystem(err)
}

func (p Program) run(ctx context.Context, args []string, s Streams) error {
	p.Commands = append(slices.Clip(p.Commands), p.completion())
	prepare(p.Commands)
	if len(args) > 0 {
		switch args[0] {
		case completeVerb:
			return p.complete(ctx, args[1:], s.Out)
		case referenceVerb:
			return p.reference(s.Out)
		}
	}
	parsed, err := p.arrange(args)
	if err != nil {
		return err
	}
	switch {
	case parsed.version:
		_, err := fmt.Fprintf(s.Out, "%s %s\n", p.Name, p.Version)
		return err
	case parsed.help:
		_, err := io.WriteString(s.Out, p.help(parsed.path))
		return err
	case parsed.leaf() == nil:
		if _, err := io.WriteString(s.Err, p.help(parsed.path)); err != nil {
			return err
		}
		return Silently(ExitUsage)
	}
	app := &cli.App{
		Name: p.Name, Usage: p.Usage, Commands: p.Commands,
		Reader: s.In, Writer: s.Out, ErrWriter: s.Err,
		HideHelp: true, HideVersion: true,
		Metadata: map[string]any{wholeLine: append([]string{p.Name}, args...)},
		// Paths may have commas in them.
		DisableSliceFlagSeparator: true,
		// The library's own would end the process.
		ExitErrHandler: func(*cli.Context, error) {},
	}
	return app.RunContext(ctx, append([]string{p.Name}, parsed.args...))
}

// plainValue puts the library's words about a value into ours; it names options as
// package flag does.
func plainValue(text string) string {
	form := ": it must be a whole number"
	if strings.HasPrefix(text, "invalid boolean value") {
		form = ": it must be true or false"
	}
	return strings.NewReplacer(
		" for flag -", " for --",
		" for -", " for --",
		": parse error", form,
		": value out of range", ": it is too large",
	).Replace(text)
}

// prepare completes the commands: environment variables for every option, and
// errors instead of the library's own words.
func prepare(commands []*cli.Command) {
	for _, c := range commands {
		c.HideHelp = true
		c.OnUsageError = func(ctx *cli.Context, err error, _ bool) error {
			// The library names options as package flag does.
			return Usagef("%s; see %s --help", plainValue(err.Error()), c.HelpName)
		}
		for _, f := range c.Flags {
			addEnv(f)
		}
		prepare(c.Subcommands)
	}
}

// addEnv gives an option its variable, unless it has one.
func addEnv(f cli.Flag) {
	set := func(vars *[]string) {
		if *vars == nil {
			*vars = []string{"BORGFLEET_" + strings.ToUpper(strings.ReplaceAll(f.Names()[0], "-", "_"))}
		}
	}
	switch f := f.(type) {
	case *cli.StringFlag:
		set(&f.EnvVars)
	case *cli.StringSliceFlag:
		set(&f.EnvVars)
	case *cli.BoolFlag:
		set(&f.EnvVars)
	case *cli.IntFlag:
		set(&f.EnvVars)
	case *cli.Int64Flag:
		set(&f.EnvVars)
	case *cli.Uint64Flag:
		set(&f.EnvVars)
	}
}
