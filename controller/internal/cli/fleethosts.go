package cli

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
)

func hostFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "agent", Usage: "only of this `AGENT`, by name or id"},
		&cli.StringFlag{Name: "label", Usage: "only of agents with the label `KEY=VALUE`"},
		&cli.StringFlag{Name: "max-age", Usage: "what has no good backup of the last `TIME`, such as 26h, is stale, whatever schedules say"},
	}
}

const whatIsStale = "What counts is the newest backup that left an archive to rely on. It is stale when it is older than one that should be there by now: after it was due, a backup has two hours, and twice as long as the last good one took."

func (k *controller) fleetHosts() *cli.Command {
	return &cli.Command{
		Name: "hosts", Usage: "show how well each repository of each host is backed up",
		Description: whatIsStale,
		Flags:       append(hostFlags(), listFlags()...),
		Action:      k.repeated((*controller).listHosts),
	}
}

func (k *controller) fleetStale() *cli.Command {
	return &cli.Command{
		Name: "stale", Usage: "show what has no good backup that should have one",
		Description: "For monitoring: the exit status is 1 if there is something. " + whatIsStale + "\n\n  borgfleet-controller fleet stale --max-age 26h --label role=db",
		Flags:       append(hostFlags(), listFlags()...),
		Action:      k.repeated((*controller).listStale),
	}
}

func (k *controller) listHosts(c *cli.Context) error {
	_, err := k.showHosts(c, false)
	return err
}

func (k *controller) listStale(c *cli.Context) error {
	some, err := k.showHosts(c, true)
	if err == nil && some {
		err = cmdline.Silently(1)
	}
	return err
}

func (k *controller) showHosts(c *cli.Context, stale bool) (some bool, err error) {
	_, asJSON, err := cmdline.Given(c)
	if err != nil {
		return false, err
	}
	if err := refuseEmpty(c, "agent", "label", "max-age"); err != nil {
		return false, cmdline.Usagef("%w", err)
	}
	f := client.HostFilter{Agent: c.String("agent"), Stale: stale}
	if text := c.String("max-age"); text != "" {
		if f.MaxAge, err = cmdline.Span(text); err != nil || f.MaxAge < time.Second {
			return false, cmdline.Usagef("--max-age: %q is not a time such as 26h or 2d", text)
		}
	}
	if f.Label, err = labelFilter(c); err != nil {
		return false, cmdline.Usagef("%w", err)
	}
	err = k.ask(c, func(ctx context.Context, cl *client.Client) error {
		all, err := cl.Hosts(ctx, f)
		if err != nil {
			return err
		}
		some = len(all) > 0
		if asJSON {
			return k.out.JSON(rest.HostList{Hosts: all})
		}
		return k.tellHosts(all, stale)
	})
	return some, err
}

func (k *controller) tellHosts(all []rest.Host, stale bool) error {
	if len(all) == 0 {
		if stale {
			return k.err.Printf("Nothing is stale.\n")
		}
		return k.err.Printf("No repository is registered yet. Register one with borgfleet-controller repositories create.\n")
	}
	t := term.Table{Columns: []term.Column{
		{Title: "AGENT", Cut: term.CutEnd}, {Title: "REPOSITORY", Cut: term.CutEnd}, {Title: "LAST GOOD"}, {Title: "LAST", Drop: 2}, {Title: "NEXT", Drop: 3}, {Title: "STALE"}, {Title: "ABOUT", Cut: term.CutEnd, Drop: 1},
	}}
	for _, h := range all {
		good := "never"
		if h.LastGoodAt != nil {
			good = term.Ago(h.LastGoodAt.Time, k.now())
		}
		t.Add(h.Agent, h.Name, good, cmp.Or(text(h.LastStatus), "-"), nextOfHost(h), yes(h.Stale), aboutHost(h))
	}
	return t.Print(k.out)
}

func nextOfHost(h rest.Host) string {
	switch {
	case h.NextRun != nil:
		return moment(h.NextRun)
	case h.Paused:
		return "paused"
	case h.Scheduled:
		return "not known"
	}
	return "no schedule"
}

func yes(is bool) string {
	if is {
		return "stale"
	}
	return "-"
}

func aboutHost(h rest.Host) string {
	switch {
	case h.Why != nil && !h.AgentOnline:
		return *h.Why + "; its host is away"
	case h.Why != nil:
		return *h.Why
	}
	return ""
}

func (k *controller) fleetSummary() *cli.Command {
	return &cli.Command{
		Name: "summary", Usage: "show the whole fleet in a few figures", Flags: listFlags(), Action: k.repeated((*controller).showSummary),
	}
}

func (k *controller) showSummary(c *cli.Context) error {
	_, asJSON, err := cmdline.Given(c)
	if err != nil {
		return err
	}
	return k.ask(c, func(ctx context.Context, cl *client.Client) error {
		s, err := cl.Summary(ctx)
		if err != nil {
			return err
		}
		if asJSON {
			return k.out.JSON(s)
		}
		return k.tellSummary(s)
	})
}

func (k *controller) tellSummary(s rest.Summary) error {
	var f term.Fields
	f.Add("Hosts", fmt.Sprintf("%d, %d of them connected", s.Agents.Total, s.Agents.Online))
	f.Add("Repositories", fmt.Sprintf("%d: %d stale, %d without a schedule", s.Repositories.Total, s.Repositories.Stale, s.Repositories.Unscheduled))
	f.Add("Jobs now", fmt.Sprintf("%d running, %d waiting", s.Jobs.Running, s.Jobs.Waiting))
	if err := f.Print(k.out); err != nil {
		return err
	}
	if err := k.out.Printf("\n"); err != nil {
		return err
	}
	t := term.Table{Columns: []term.Column{
		{Title: "BACKUPS"}, {Title: "ALL", Right: true}, {Title: "COMPLETED", Right: true}, {Title: "WARNINGS", Right: true}, {Title: "FAILED", Right: true}, {Title: "CANCELLED", Right: true, Drop: 2},
		{Title: "READ", Right: true}, {Title: "ADDED", Right: true, Drop: 1},
	}}
	for _, b := range s.Backups {
		t.Add("last "+spanOf(b.Hours*3600), fmt.Sprint(b.Jobs), fmt.Sprint(b.Completed), fmt.Sprint(b.CompletedWithWarnings), fmt.Sprint(b.Failed), fmt.Sprint(b.Cancelled),
			term.Size(b.OriginalSize), term.Size(b.DeduplicatedSize))
	}
	if err := t.Print(k.out); err != nil {
		return err
	}
	if err := k.tellDays(s.Days); err != nil || len(s.NextRuns) == 0 {
		return err
	}
	if err := k.out.Printf("\n"); err != nil {
		return err
	}
	next := term.Table{Columns: []term.Column{{Title: "NEXT"}, {Title: "AGENT", Cut: term.CutEnd}, {Title: "REPOSITORY", Cut: term.CutEnd}}}
	for _, n := range s.NextRuns {
		next.Add(moment(n.At), n.Agent, n.Name)
	}
	return next.Print(k.out)
}
