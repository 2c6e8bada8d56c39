package cli

import (
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"borgfleet/shared/job"
	"borgfleet/shared/term/cmdline"
)

// refuseEmpty is for filters: one that is empty, of a variable that is not set
// say, would be none, and what is shown about everything.
func refuseEmpty(c *cli.Context, names ...string) error {
	for _, name := range names {
		if c.IsSet(name) && c.String(name) == "" {
			return fmt.Errorf("--%s is empty; leave it out to have no such filter", name)
		}
	}
	return nil
}

// labelFilter reads --label.
func labelFilter(c *cli.Context) (string, error) {
	label := c.String("label")
	if label == "" {
		return "", nil
	}
	if _, err := cmdline.Labels([]string{label}); err != nil {
		return "", fmt.Errorf("--label: %w", err)
	}
	return label, nil
}

// kindFlag is --kind, for more than one.
func kindFlag() cli.Flag {
	return &cli.StringSliceFlag{Name: "kind", Usage: "only of this `KIND`: backup, init, prune, compact, check, list, restore, break-lock, or all (default: backup)"}
}

// kindFilter reads --kind.
func kindFilter(c *cli.Context) ([]string, error) {
	var all []string
	for _, kind := range c.StringSlice("kind") {
		if _, err := job.ParseKind(kind); err != nil && kind != everyKind {
			return nil, fmt.Errorf("--kind: %q is none of %s, %s", kind, cmdline.Words(job.Kinds()), everyKind)
		}
		for _, k := range kinds(kind) {
			if !slices.Contains(all, k) {
				all = append(all, k)
			}
		}
	}
	return all, nil
}
