package cmdline

import (
	"bytes"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"borgfleet/shared/job"
)

// TestPrune: saying nothing of what to keep is one thing, to keep nothing another.
func TestPrune(t *testing.T) {
	var got job.PruneSpec
	p := Program{Name: "prog", Usage: "is tested", Version: "1", Commands: []*cli.Command{{
		Name: "prune", Usage: "prunes", Flags: PruneFlags(),
		Action: func(c *cli.Context) (err error) {
			if got, err = Prune(c); err != nil {
				return Usagef("%w", err)
			}
			return nil
		},
	}}}
	for line, want := range map[string]any{
		"prune":           job.PruneSpec{},
		"prune --dry-run": job.PruneSpec{DryRun: true},
		"prune --keep-daily 7 --keep-yearly 0 --keep-within 2d": job.PruneSpec{Keep: job.Keep{Daily: 7, Within: "2d"}},
		"prune --keep-daily 0":      "give at least one --keep-",
		"prune --keep-within ":      "give at least one --keep-",
		"prune --keep-weekly -1":    "--keep-weekly must be between 0 and",
		"prune --keep-within soon":  "--keep-within: it must be a number and one of H, d, w, m, y",
		"prune --dry-run --keep 30": "has no option --keep",
	} {
		var said bytes.Buffer
		got = job.PruneSpec{}
		code := p.Run(t.Context(), strings.Split(line, " "), Streams{In: strings.NewReader(""), Out: &said, Err: &said})
		if text, bad := want.(string); bad {
			if code == 0 || !strings.Contains(said.String(), text) {
				t.Errorf("%s: exit %d, %s", line, code, said.String())
			}
		} else if code != 0 || got != want {
			t.Errorf("%s: exit %d, %+v\n%s", line, code, got, said.String())
		}
	}
}
