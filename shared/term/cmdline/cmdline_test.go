package cmdline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/urfave/cli/v2"
)

// heard is what a command got.
type heard struct {
	args   []string
	follow bool
	name   string
	many   []string
	limit  int
}

func program(got *heard, result error) Program {
	leaf := func(name string) *cli.Command {
		return &cli.Command{
			Name: name, Usage: "does " + name, ArgsUsage: "ID",
			Flags: []cli.Flag{
				&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "go on"},
				&cli.StringFlag{Name: "name", Value: "nobody", Usage: "a `NAME`"},
				&cli.StringSliceFlag{Name: "many", Usage: "one of several"},
				&cli.IntFlag{Name: "limit", Value: 20, Usage: "at most `N`"},
			},
			Action: func(c *cli.Context) error {
				*got = heard{c.Args().Slice(), c.Bool("follow"), c.String("name"), c.StringSlice("many"), c.Int("limit")}
				return result
			},
		}
	}
	return Program{
		Name: "prog", Usage: "is tested", About: "Some words about it.", Version: "1.2.3",
		Commands: []*cli.Command{leaf("logs"), {Name: "jobs", Usage: "many", Subcommands: []*cli.Command{leaf("list")}}},
	}
}

func call(t *testing.T, got *heard, result error, args ...string) (code int, out, err string) {
	t.Helper()
	var o, e bytes.Buffer
	code = program(got, result).Run(t.Context(), args, Streams{In: strings.NewReader(""), Out: &o, Err: &e})
	return code, o.String(), e.String()
}

func TestOptionsMayFollowArguments(t *testing.T) {
	for _, line := range []string{
		"logs 17 -f --name x --limit 3 --many a,b --many c",
		"logs -f --name=x 17 --limit=3 --many=a,b --many=c",
		"logs --many a,b --follow --limit 3 --many c --name x -- 17",
		"logs -f 17 --many a,b --limit 3 -f --name x --many c",
	} {
		var got heard
		if code, _, err := call(t, &got, nil, strings.Fields(line)...); code != 0 {
			t.Errorf("%s: %d %s", line, code, err)
		}
		if !slices.Equal(got.args, []string{"17"}) || !got.follow || got.name != "x" || got.limit != 3 || !slices.Equal(got.many, []string{"a,b", "c"}) {
			t.Errorf("%s: heard %+v", line, got)
		}
	}
}

func TestWordsAfterDashesAreArguments(t *testing.T) {
	var got heard
	if code, _, err := call(t, &got, nil, "jobs", "list", "--", "-f", "--", "help"); code != 0 {
		t.Fatal(err)
	}
	if !slices.Equal(got.args, []string{"-f", "--", "help"}) || got.follow {
		t.Errorf("heard %+v", got)
	}
}

func TestArgumentsAreNoCommands(t *testing.T) {
	var got heard
	if code, _, err := call(t, &got, nil, "logs", "help", "list", "-"); code != 0 {
		t.Fatal(err)
	}
	if !slices.Equal(got.args, []string{"help", "list", "-"}) {
		t.Errorf("heard %+v", got)
	}
}

func TestEnvironment(t *testing.T) {
	t.Setenv("BORGFLEET_NAME", "from env")
	t.Setenv("BORGFLEET_LIMIT", "7")
	var got heard
	if code, _, err := call(t, &got, nil, "logs", "--limit", "8"); code != 0 {
		t.Fatal(err)
	}
	if got.name != "from env" || got.limit != 8 {
		t.Errorf("heard %+v", got)
	}
	t.Setenv("BORGFLEET_LIMIT", "many")
	if code, _, err := call(t, &got, nil, "logs"); code != ExitUsage || !strings.Contains(err, "BORGFLEET_LIMIT") {
		t.Errorf("%d %s", code, err)
	}
}

func TestMistakes(t *testing.T) {
	for line, want := range map[string]string{
		"":                                  "USAGE\n  prog COMMAND",
		"jobs":                              "USAGE\n  prog jobs COMMAND",
		"nothing":                           `there is no command "prog nothing"; there are logs, jobs, completion (see prog --help)`,
		"jobs nothing":                      `there is no command "prog jobs nothing"; there are list (see prog jobs --help)`,
		"log 17":                            `there is no command "prog log"; did you mean logs? there are logs, jobs, completion (see prog --help)`,
		"logs --what=secret 17":             "prog logs has no option --what; see prog logs --help",
		"logs -17":                          "prog logs has no option -17; if it is no option, put -- before it; see prog logs --help",
		"--follow logs":                     "options stand after the command, and --follow is none of this program's own: write prog COMMAND --follow; see prog --help",
		"jobs --follow list":                "options stand after the whole command: write prog jobs list --follow; see prog jobs --help",
		"logs 17 --name":                    "the option --name needs a value; see prog logs --help",
		"logs --folow 17":                   "prog logs has no option --folow; did you mean --follow?; see prog logs --help",
		"logs --name --follow":              "the option --name needs a value, and --follow is the next option (if it is meant as the value: --name=--follow); see prog logs --help",
		"logs --name x --name y":            "--name is given twice, and only one can be meant: leave one of them out; see prog logs --help",
		"logs --limit=1 17 --limit 1":       "--limit is given twice",
		"logs -f=false 17 --follow":         "--follow is given twice",
		"logs --follow=maybe":               `invalid boolean value "maybe" for --follow: it must be true or false; see prog logs --help`,
		"logs --limit x":                    `invalid value "x" for --limit: it must be a whole number; see prog logs --help`,
		"logs --limit 99999999999999999999": `for --limit: it is too large; see`,
	} {
		var got heard
		code, out, err := call(t, &got, nil, strings.Fields(line)...)
		if code != ExitUsage || out != "" || !strings.Contains(err, want) || strings.Contains(err, "secret") {
			t.Errorf("%q: %d %q, want %q", line, code, err, want)
		}
	}
}

func TestHelp(t *testing.T) {
	const want = `prog logs - does logs

USAGE
  prog logs [OPTIONS] ID

OPTIONS
  --follow, -f
        go on [$BORGFLEET_FOLLOW]
  --name NAME
        a NAME (default: nobody) [$BORGFLEET_NAME]
  --many VALUE ...
        one of several [$BORGFLEET_MANY]
  --limit N
        at most N (default: 20) [$BORGFLEET_LIMIT]
`
	t.Setenv("BORGFLEET_NAME", "must not be shown")
	for _, line := range []string{"logs --help", "logs 17 -h", "help logs", "logs -f -h"} {
		var got heard
		code, out, _ := call(t, &got, nil, strings.Fields(line)...)
		if code != 0 || out != want {
			t.Errorf("%s: %d\n%s", line, code, out)
		}
	}
	var got heard
	if _, out, _ := call(t, &got, nil, "--version"); out != "prog 1.2.3\n" {
		t.Errorf("version: %q", out)
	}
}

func TestExitStatus(t *testing.T) {
	for _, c := range []struct {
		err  error
		code int
		said string
	}{
		{nil, 0, ""},
		{errors.New("borg\x1b failed\nwith this"), 1, "prog: borg\\x1b failed\n    with this\n"},
		{Usagef("no %s", "way"), 2, "prog: no way\n"},
		{Unavailable(errors.New("away")), 3, "prog: away\n"},
		{fmt.Errorf("wrapped: %w", Unavailable(errors.New("away"))), 3, "prog: wrapped: away\n"},
		{Silently(ExitWarnings), 4, ""},
		{&Advised{Usagef("no"), "say\x1b yes"}, 2, "prog: no\nNext: say\\x1b yes\n"},
		{fmt.Errorf("wrapped: %w", &Advised{Unavailable(errors.New("away")), "wait"}), 3, "prog: wrapped: away\nNext: wait\n"},
		{&Advised{errors.New("no"), ""}, 1, "prog: no\n"},
		{&fs.PathError{Op: "open", Path: "/x", Err: syscall.ENOENT}, 1, "prog: open /x: no such file or directory\nNext: see whether the path is right, and its disk is mounted\n"},
		{fmt.Errorf("write it: %w", syscall.ENOSPC), 1, "prog: write it: no space left on device\nNext: make room on that disk, then do it again\n"},
		{fmt.Errorf("%w: use sudo", syscall.EACCES), 1, "prog: permission denied: use sudo\n"},
		{context.Canceled, 130, "prog: interrupted\n"},
		{fmt.Errorf("ask the controller at http://unix: %w", context.Canceled), 130, "prog: interrupted\n"},
	} {
		var got heard
		if code, _, said := call(t, &got, c.err, "logs"); code != c.code || said != c.said {
			t.Errorf("%v: %d %q, want %d %q", c.err, code, said, c.code, c.said)
		}
	}
}

func TestMoment(t *testing.T) {
	zone := time.FixedZone("x", 2*3600)
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, zone)
	for in, want := range map[string]string{
		"":                     "0001-01-01T00:00:00Z",
		"2026-03-01T10:00:00Z": "2026-03-01T10:00:00Z",
		"2026-03-01":           "2026-02-28T22:00:00Z",
		"2026-03-01 08:30":     "2026-03-01T06:30:00Z",
		"26h":                  "2026-03-09T08:00:00Z",
		"7d":                   "2026-03-03T10:00:00Z",
		"1w":                   "2026-03-03T10:00:00Z",
	} {
		got, err := Moment(in, now)
		if err != nil || got.UTC().Format(time.RFC3339) != want {
			t.Errorf("Moment(%q) = %v, %v, want %s", in, got, err, want)
		}
	}
	for _, bad := range []string{"yesterday", "d", "-1h", "1.5d", "2026-13-01", "99999999d"} {
		if got, err := Moment(bad, now); err == nil {
			t.Errorf("Moment(%q) = %v", bad, got)
		}
	}
}

func TestReadSecretIsBounded(t *testing.T) {
	if _, _, err := ReadSecret("-", strings.NewReader(strings.Repeat("x", mostSecret+1))); err == nil {
		t.Error("an endless secret was read")
	}
	data, open, err := ReadSecret("-", strings.NewReader("secret\n"))
	if err != nil || open || string(data) != "secret\n" {
		t.Errorf("%q %v %v", data, open, err)
	}
}
