package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/client"
	"borgfleet/shared/term/cmdline"
)

func (k *controller) jobsExport() *cli.Command {
	flags := append(filterFlags(), &cli.StringFlag{Name: "format", Value: "csv", Usage: "`FORMAT` is csv, for spreadsheets, or ndjson, a job a line"})
	return &cli.Command{
		Name: "export", Usage: "write all jobs that the filters select, whatever their number",
		Description: "Newest first, with the filters of jobs list.\n\n  borgfleet-controller jobs export --status failed --since 365d > failed.csv",
		Flags:       append(flags, formlessFlags()...),
		Action:      k.exportJobs,
	}
}

// formlessFlags are askFlags of a command whose output has a form of its own.
func formlessFlags() []cli.Flag {
	return slices.DeleteFunc(askFlags(), func(f cli.Flag) bool { return f.Names()[0] == cmdline.OutputFlag().Names()[0] })
}

func (k *controller) exportJobs(c *cli.Context) error {
	if _, err := cmdline.Args(c); err != nil {
		return err
	}
	filter, err := k.jobFilter(c)
	if err != nil {
		return cmdline.Usagef("%w", err)
	}
	format := strings.ToLower(c.String("format"))
	if format != "csv" && format != "ndjson" {
		return cmdline.Usagef("--format is csv or ndjson, not %q", c.String("format"))
	}
	if k.out.Terminal {
		return cmdline.Usagef("this is for programs, and would not be fit to be read here: send it to a file (> jobs.%s), or use jobs list", format)
	}
	return k.ask(c, func(ctx context.Context, cl *client.Client) error {
		return cl.ExportJobs(ctx, filter, format, k.out.W)
	})
}
