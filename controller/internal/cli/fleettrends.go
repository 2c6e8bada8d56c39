package cli

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
)

const (
	usualTrendDays = 30
	mostTrendDays  = 800
	trendBar       = 10
)

func (k *controller) fleetTrends() *cli.Command {
	return &cli.Command{
		Name:  "trends",
		Usage: "show by day what was done: jobs, how they ended, bytes, time",
		Description: "Days are those of UTC, and a job is of the day that it was made or due on. OK is completed, with warnings or without; SUCCESS is its share of those that completed or failed, so that cancelled ones are in neither. " +
			"TIME is how long a job took on the average, of those of which it is known. On a terminal READ and ADDED have bars.\n\n  borgfleet-controller fleet trends --agent web1 --days 90",
		Flags: append([]cli.Flag{
			&cli.IntFlag{Name: "days", Value: usualTrendDays, Usage: fmt.Sprintf("the last `N` days with today, at most %d", mostTrendDays)},
			&cli.StringFlag{Name: "agent", Usage: "only of this `AGENT`, by name or id"},
			&cli.StringFlag{Name: "repository", Usage: "only of this `REPOSITORY`, by path, name or id"},
			&cli.StringFlag{Name: "label", Usage: "only of agents with the label `KEY=VALUE`"},
			kindFlag(),
		}, listFlags()...),
		Action: k.repeated((*controller).showTrends),
	}
}

func (k *controller) showTrends(c *cli.Context) error {
	_, asJSON, err := cmdline.Given(c)
	if err != nil {
		return err
	}
	f, err := trendFilter(c)
	if err != nil {
		return cmdline.Usagef("%w", err)
	}
	return k.ask(c, func(ctx context.Context, cl *client.Client) error {
		all, err := cl.Trends(ctx, f)
		if err != nil {
			return err
		}
		if asJSON {
			return k.out.JSON(all)
		}
		return k.tellTrends(all)
	})
}

func trendFilter(c *cli.Context) (f client.TrendFilter, err error) {
	f = client.TrendFilter{Agent: c.String("agent"), Repository: c.String("repository"), Days: c.Int("days")}
	if err = refuseEmpty(c, "agent", "repository", "label"); err != nil {
		return f, err
	}
	if f.Days < 1 || f.Days > mostTrendDays {
		return f, fmt.Errorf("--days is from 1 to %d, not %d", mostTrendDays, f.Days)
	}
	if f.Label, err = labelFilter(c); err != nil {
		return f, err
	}
	f.Kinds, err = kindFilter(c)
	return f, err
}

func (k *controller) tellTrends(all rest.Trends) error {
	const bar = "" // the title of what only a terminal has
	var except []string
	if !k.out.Terminal {
		except = []string{bar}
	}
	columns, keep := without([]term.Column{
		{Title: "DAY"}, {Title: "JOBS", Right: true}, {Title: "OK", Right: true}, {Title: "FAILED", Right: true}, {Title: "CANCELLED", Right: true, Drop: 5}, {Title: "SUCCESS", Right: true, Drop: 1},
		{Title: "READ", Right: true}, {Title: bar, Drop: 4}, {Title: "ADDED", Right: true, Drop: 2}, {Title: bar, Drop: 6}, {Title: "TIME", Right: true, Drop: 3},
	}, except)
	t := term.Table{Columns: columns}
	var read, added int64
	for _, d := range all.Days {
		read, added = max(read, d.OriginalSize), max(added, d.DeduplicatedSize)
	}
	row := func(day string, d rest.Trend, readBar, addedBar string) {
		t.Add(keep([]string{
			day, fmt.Sprint(d.Jobs), fmt.Sprint(d.Completed + d.CompletedWithWarnings), fmt.Sprint(d.Failed), fmt.Sprint(d.Cancelled), successOf(d),
			term.Size(d.OriginalSize), readBar, term.Size(d.DeduplicatedSize), addedBar, meanTime(d),
		})...)
	}
	for _, d := range all.Days {
		row(d.Date, d.Trend, k.out.Bar(d.OriginalSize, read, trendBar), k.out.Bar(d.DeduplicatedSize, added, trendBar))
	}
	row("all", all.Total, "", "")
	return t.Print(k.out)
}

// successOf rounds down: 100 is said only if none failed.
func successOf(d rest.Trend) string {
	if d.SuccessRate == nil {
		return ""
	}
	return fmt.Sprintf("%.0f %%", math.Floor(*d.SuccessRate*100+1e-9))
}

func meanTime(d rest.Trend) string {
	if d.MeanDurationSeconds == nil {
		return ""
	}
	return term.Duration(time.Duration(*d.MeanDurationSeconds * float64(time.Second)))
}

// tellDays shows the last days as lines of small columns, for who looks and does
// not read.
func (k *controller) tellDays(days []rest.TrendDay) error {
	if len(days) == 0 || k.out.Spark(make([]int64, len(days))) == "" {
		return nil
	}
	var f term.Fields
	line := func(name string, of func(rest.TrendDay) int64, text func(int64) string) {
		values := make([]int64, len(days))
		var most int64
		for i, d := range days {
			values[i] = of(d)
			most = max(most, values[i])
		}
		said := k.out.Spark(values) + "  at most " + text(most) + " a day"
		if most == 0 {
			said = "none"
		}
		f.Add(name, said)
	}
	line(fmt.Sprintf("Good, %d days", len(days)), func(d rest.TrendDay) int64 { return d.Completed + d.CompletedWithWarnings }, term.Count)
	line("Failed", func(d rest.TrendDay) int64 { return d.Failed }, term.Count)
	line("Read", func(d rest.TrendDay) int64 { return d.OriginalSize }, term.Size)
	line("Added", func(d rest.TrendDay) int64 { return d.DeduplicatedSize }, term.Size)
	if err := k.out.Printf("\n"); err != nil {
		return err
	}
	return f.Print(k.out)
}
