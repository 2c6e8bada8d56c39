package cmdline

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v2"
)

// shellProgram is what the shells are tested with. The tests' own binary
// becomes it when it is called by this name.
const shellProgram = "prog"

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == shellProgram {
		os.Exit(completed().Run(context.Background(), os.Args[1:], Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
	}
	os.Exit(m.Run())
}

func completed() Program {
	did := func(*cli.Context) error { return nil }
	start := &cli.Command{Name: "start", Usage: "begin", ArgsUsage: "REPOSITORY [JOB...]", Action: did, Flags: []cli.Flag{
		&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "go on"},
		&cli.StringFlag{Name: "name", Usage: "a `NAME`"},
		&cli.StringFlag{Name: "token-file", Usage: "`FILE` with it"},
		&cli.StringFlag{Name: "data-dir", Usage: "`DIR` of it"},
		&cli.StringFlag{Name: "secret", Hidden: true},
		&cli.StringSliceFlag{Name: "status", Usage: "only this `STATUS`"},
		OutputFlag(),
	}}
	list := &cli.Command{Name: "list", Usage: "all", Action: did}
	return Program{Name: shellProgram, Usage: "is tested", Version: "1",
		Commands: []*cli.Command{{Name: "jobs", Usage: "many", Subcommands: []*cli.Command{start, list}}, {Name: "quiet", Hidden: true, Action: did}},
		Values: map[string]Values{
			"REPOSITORY": {Words: []string{"web", "ssh://host/web", "ssh://host/db", "it's big", "two\nlines"}},
			"JOB":        {Words: []string{"not", "these"}},
			"jobs start JOB": {Ask: func(c *cli.Context) ([]string, error) {
				if c.String("name") == "" {
					return nil, errors.New("nobody asked for")
				}
				return []string{c.String("name") + "1", c.String("name") + "2"}, nil
			}},
			"NAME": {Ask: func(c *cli.Context) ([]string, error) {
				<-c.Context.Done() // a controller that does not answer
				return []string{"late"}, nil
			}},
		},
	}
}

// proposed is what the program itself answers.
func proposed(t *testing.T, words ...string) []string {
	t.Helper()
	var out, errs bytes.Buffer
	code := completed().Run(t.Context(), append([]string{completeVerb}, words...), Streams{In: strings.NewReader(""), Out: &out, Err: &errs})
	if code != 0 || errs.Len() > 0 {
		t.Errorf("%q: %d %s", words, code, errs.String())
	}
	var got []string
	for line := range strings.Lines(out.String()) {
		word, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		got = append(got, word)
	}
	return got
}

func TestProposals(t *testing.T) {
	for _, tt := range []struct{ line, want string }{
		{"", "jobs completion"},
		{"j", "jobs"},
		{"x", ""},
		{"x ", ""},
		{"jobs ", "start list"},
		{"help jobs s", "start"},
		{"--", "--help --version"},
		{"jobs --", "--help"},
		{"jobs list ", ""},
		{"jobs list --", "--help"},
		{"jobs start --", "--help --follow --name --token-file --data-dir --status --output"},
		{"jobs start --follow --status failed --s", "--status"},
		{"jobs start -f --f", ""},
		{"jobs start --fo", "--follow"},
		{"jobs start web --status c", "completed completed_with_warnings cancelled"},
		{"jobs start --status=f", "--status=failed"},
		{"jobs start -o ", "table json"},
		{"jobs start --output=j", "--output=json"},
		{"jobs start --nothing=", ""},
		{"jobs start --token-file ", ":files"},
		{"jobs start --token-file=x", ":files"},
		{"jobs start --data-dir ", ":dirs"},
		{"jobs start ssh:", "ssh://host/web ssh://host/db"},
		{"jobs start -- w", "web"},
		{"jobs start web ", ""}, // the one who knows is in error
		{"jobs start web --name x ", "x1 x2"},
		{"jobs start --name=x web y x", "x1 x2"},
		{"jobs list one ", ""},
		{"completion ", "bash zsh fish"},
	} {
		got := proposed(t, strings.Split(tt.line, " ")...)
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%q: %q, want %q", tt.line, got, tt.want)
		}
	}
	if got := proposed(t); !slices.Equal(got, []string{"jobs", "completion"}) {
		t.Errorf("nothing at all: %q", got)
	}
	if got := proposed(t, "jobs", "start", ""); !slices.Equal(got, []string{"web", "ssh://host/web", "ssh://host/db", "it's big"}) {
		t.Errorf("a name with a line break: %q", got)
	}
}

// A shell that waits for a controller that hangs is a shell that hangs.
func TestProposalsAreBounded(t *testing.T) {
	start := time.Now()
	proposed(t, "jobs", "start", "--name", "")
	if took := time.Since(start); took > askTime+2*time.Second {
		t.Errorf("it took %s", took)
	}
}
