package cmdline

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"borgfleet/shared/job"
)

// KeepFlags say what prunes keep.
func KeepFlags() []cli.Flag {
	var k job.Keep
	var flags []cli.Flag
	for _, c := range k.Counts() {
		span := strings.TrimPrefix(c.Name, "keep_")
		unit := map[string]string{"hourly": "hours", "daily": "days", "weekly": "weeks", "monthly": "months", "quarterly": "quarters (borg 1.4.1 or newer)", "yearly": "years"}[span]
		flags = append(flags, &cli.Int64Flag{Name: "keep-" + span, Usage: "keep the last archive of each of the newest `N` " + unit + " that have one"})
	}
	return append(flags, &cli.StringFlag{Name: "keep-within", Usage: "keep all that are younger than `SPAN`: a number and one of H, d, w, m, y"})
}

// Keep reads KeepFlags. Without any it is the zero rule: nobody says what to keep.
func Keep(c *cli.Context) (job.Keep, error) {
	k := job.Keep{Within: c.String("keep-within")}
	given := c.IsSet("keep-within")
	for _, count := range k.Counts() {
		flag := strings.ReplaceAll(count.Name, "_", "-")
		*count.N, given = c.Int64(flag), given || c.IsSet(flag)
	}
	if err := k.Check(); given && err != nil {
		return k, fmt.Errorf("%s", strings.ReplaceAll(err.Error(), "keep_", "--keep-"))
	}
	return k, nil
}

// PruneFlags are those of one prune.
func PruneFlags() []cli.Flag {
	return append(KeepFlags(), &cli.BoolFlag{Name: "dry-run", Usage: "only show what would go"})
}

// Prune reads PruneFlags.
func Prune(c *cli.Context) (job.PruneSpec, error) {
	keep, err := Keep(c)
	return job.PruneSpec{DryRun: c.Bool("dry-run"), Keep: keep}, err
}
