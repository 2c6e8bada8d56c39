package cmdline

import (
	"context"
	"flag"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"borgfleet/shared/job"
)

// Values are what may stand in one place of a command line. They are only
// proposed to a person who completes a line, never compared with it.
type Values struct {
	Words []string
	Files bool // of this host
	Dirs  bool

	// Ask looks them up with the options that the line has so far. It gets a
	// second; with an error nothing is proposed.
	Ask func(*cli.Context) ([]string, error)
}

// usualValues are those of the words that both programs use in their help.
func usualValues() map[string]Values {
	return map[string]Values{
		"FILE":   {Files: true},
		"DIR":    {Dirs: true},
		"PATH":   {Files: true},
		"FORMAT": {Words: []string{"table", "json"}},
		"LEVEL":  {Words: []string{"debug", "info", "warn", "error"}},
		"STATUS": {Words: strings.Split(Words(job.Statuses()), ", ")},
		"SHELL":  {Words: shells()},
	}
}

// Words are values as a sentence lists them.
func Words[T ~string](all []T) string {
	words := make([]string, len(all))
	for i, w := range all {
		words[i] = string(w)
	}
	return strings.Join(words, ", ")
}

// askTime is how long a shell waits for proposals at most.
const askTime = time.Second

// valuesOf are those of the place that the help calls name: of this command if
// it has its own, else of the program.
func (p Program) valuesOf(path []*cli.Command, name string) Values {
	if v, ok := p.Values[strings.TrimPrefix(p.full(path), p.Name+" ")+" "+name]; ok {
		return v
	}
	if v, ok := p.Values[name]; ok {
		return v
	}
	return usualValues()[name]
}

// ask gives what v proposes.
func (p Program) ask(ctx context.Context, v Values, leaf *cli.Command, options []given) []string {
	if v.Ask == nil {
		return v.Words
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	c, err := p.contextOf(ctx, leaf, options)
	if err != nil {
		return nil
	}
	words, err := v.Ask(c)
	if err != nil {
		return nil
	}
	return append(words, v.Words...)
}

// contextOf is what the command would get if it were run with these options.
func (p Program) contextOf(ctx context.Context, leaf *cli.Command, options []given) (*cli.Context, error) {
	set := flag.NewFlagSet(leaf.Name, flag.ContinueOnError)
	for _, f := range leaf.Flags {
		if err := f.Apply(set); err != nil {
			return nil, err
		}
	}
	for _, o := range options {
		if err := set.Set(o.flag.Names()[0], o.value); err != nil {
			return nil, err
		}
	}
	c := cli.NewContext(&cli.App{Name: p.Name}, set, nil)
	c.Context, c.Command = ctx, leaf
	return c, nil
}
