package cmdline

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v2"

	"borgfleet/shared/job"
)

func TestCheck(t *testing.T) {
	var got job.CheckSpec
	p := Program{Name: "prog", Usage: "is tested", Version: "1", Commands: []*cli.Command{{
		Name: "check", Usage: "checks", Flags: CheckFlags(),
		Action: func(c *cli.Context) (err error) {
			if got, err = Check(c); err != nil {
				return Usagef("%w", err)
			}
			return nil
		},
	}}}
	for line, want := range map[string]any{
		"check":                   job.CheckSpec{},
		"check --depth data":      job.CheckSpec{Depth: job.CheckData},
		"check --max-duration 1d": job.CheckSpec{MaxDuration: 24 * time.Hour},
		"check --depth repository --max-duration 90s": job.CheckSpec{MaxDuration: 90 * time.Second, Depth: job.CheckRepository},
		"check --depth all":                           "--depth: it is repository, archives or data",
		"check --max-duration soon":                   "--max-duration: \"soon\" is not a span",
		"check --max-duration 10ms":                   "--max-duration: \"10ms\" is not a span",
		"check --depth archives --max-duration 1h":    "leave it out, or say --depth repository",
	} {
		var said bytes.Buffer
		got = job.CheckSpec{}
		code := p.Run(t.Context(), strings.Fields(line), Streams{In: strings.NewReader(""), Out: &said, Err: &said})
		if text, bad := want.(string); bad {
			if code == 0 || !strings.Contains(said.String(), text) {
				t.Errorf("%s: exit %d, %s", line, code, said.String())
			}
		} else if code != 0 || got != want {
			t.Errorf("%s: exit %d, %+v\n%s", line, code, got, said.String())
		}
	}
}
