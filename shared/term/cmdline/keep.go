package cmdline

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"borgfleet/shared/job"
)

// KeepFlags say what a prune keeps.
func KeepFlags() []cli.Flag {
	var k job.Keep
	var flags []cli.Flag
	for _, c := range k.Counts() {
		span := strings.TrimPrefix(c.Name, "keep_")
		unit := map[string]string{"hourly": "hours", "daily": "days", "weekly": "weeks", "monthly": "months", "quarterly": "quarters (borg 1.4.1 or newer)", "yearly": "years"}[span]
		flags = append(flags, &cli.Int64Flag{Name: "keep-" + span, Usage: "keep the last archive of each of the newest `N` " + unit + " that have one"})
	}
	return append(flags,
		&cli.StringFlag{Name: "keep-within", Usage: "keep all that are younger than `SPAN`: a number and one of H, d, w, m, y"},
		&cli.BoolFlag{Name: "dry-run", Usage: "only show what would go"})
}

// Prune reads KeepFlags.
func Prune(c *cli.Context) (job.PruneSpec, error) {
	p := job.PruneSpec{DryRun: c.Bool("dry-run"), Keep: job.Keep{Within: c.String("keep-within")}}
	for _, k := range p.Keep.Counts() {
		*k.N = c.Int64(strings.ReplaceAll(k.Name, "_", "-"))
	}
	if err := p.Keep.Check(); err != nil {
		return p, fmt.Errorf("%s", strings.ReplaceAll(err.Error(), "keep_", "--keep-"))
	}
	return p, nil
}
