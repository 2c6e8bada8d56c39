package cli

import (
	"cmp"
	"context"
	"fmt"
	"strings"
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

const whatShrank = "A backup shrank when it read less than half of what the last normal one did. Normal is one that did not shrink, so the second small one hides nothing: it is shown until sizes are back, or somebody says with repositories accept-size that it was meant."

const forMonitoring = "For monitoring: the exit status is 0 if there is nothing, 1 if there is something, 2 if the command line is wrong, 3 if the controller does not answer or lets nobody ask. "

func (k *controller) fleetHosts() *cli.Command {
	return &cli.Command{
		Name: "hosts", Usage: "show how well each repository of each host is backed up",
		Description: whatIsStale + "\n\n" + whatShrank,
		Flags:       append(hostFlags(), listFlags()...),
		Action:      k.repeated((*controller).listHosts),
	}
}

func (k *controller) fleetStale() *cli.Command {
	return &cli.Command{
		Name: "stale", Usage: "show what has no good backup that should have one",
		Description: forMonitoring + whatIsStale + "\n\n  borgfleet-controller fleet stale --max-age 26h --label role=db",
		Flags:       append(hostFlags(), listFlags()...),
		Action:      k.repeated((*controller).listStale),
	}
}

func (k *controller) fleetShrunk() *cli.Command {
	return &cli.Command{
		Name: "shrunk", Usage: "show whose newest good backup is less than half of what it was",
		Description: forMonitoring + whatShrank,
		Flags:       append(hostFlags(), listFlags()...),
		Action:      k.repeated((*controller).listShrunk),
	}
}

func (k *controller) listHosts(c *cli.Context) error {
	_, err := k.showHosts(c, client.HostFilter{}, "No repository is registered yet. Register one with borgfleet-controller repositories create.")
	return err
}

func (k *controller) listStale(c *cli.Context) error {
	return k.tellMonitor(c, client.HostFilter{Stale: true}, "Nothing is stale.")
}

func (k *controller) listShrunk(c *cli.Context) error {
	return k.tellMonitor(c, client.HostFilter{Shrunk: true}, "Nothing shrank.")
}

// tellMonitor ends with a status of its own if there is something. Who watches sees
// that, and an end would be the end of watching.
func (k *controller) tellMonitor(c *cli.Context, f client.HostFilter, none string) error {
	some, err := k.showHosts(c, f, none)
	if err == nil && some && !c.Bool("watch") {
		return cmdline.Silently(cmdline.ExitFailed)
	}
	return err
}

// showHosts shows what f selects beside the options; none is said if that is
// nothing.
func (k *controller) showHosts(c *cli.Context, f client.HostFilter, none string) (some bool, err error) {
	_, asJSON, err := cmdline.Given(c)
	if err != nil {
		return false, err
	}
	if err := refuseEmpty(c, "agent", "label", "max-age"); err != nil {
		return false, cmdline.Usagef("%w", err)
	}
	f.Agent = c.String("agent")
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
		if !some {
			if err := labelled(ctx, cl, f); err != nil {
				return err
			}
		}
		if asJSON {
			return k.out.JSON(rest.HostList{Hosts: all})
		}
		if !some {
			return k.err.Printf("%s\n", none)
		}
		return k.tellHosts(all)
	})
	return some, err
}

// labelled refuses a label that stands for nothing: of what is not there nothing is
// stale, and a monitor with a misspelt one would say for ever that all is well.
func labelled(ctx context.Context, cl *client.Client, f client.HostFilter) error {
	if f.Label == "" {
		return nil
	}
	all, err := cl.Hosts(ctx, client.HostFilter{Agent: f.Agent, Label: f.Label})
	if err != nil || len(all) > 0 {
		return err
	}
	return cmdline.Usagef("--label: no repository is registered for a host with the label %s; borgfleet-controller agents list shows the labels", f.Label)
}

func (k *controller) tellHosts(all []rest.Host) error {
	t := term.Table{Columns: []term.Column{
		{Title: "AGENT", Cut: term.CutEnd}, {Title: "REPOSITORY", Cut: term.CutEnd}, {Title: "LAST GOOD"}, {Title: "SIZE", Right: true, Drop: 4}, {Title: "LAST", Drop: 2}, {Title: "NEXT", Drop: 3}, {Title: "STALE"}, {Title: "ABOUT", Cut: term.CutEnd, Drop: 1},
	}}
	for _, h := range all {
		good := "never"
		if h.LastGoodAt != nil {
			good = term.Ago(h.LastGoodAt.Time, k.now())
		}
		t.Add(h.Agent, h.Name, good, figure(h.LastGoodSize, term.Size), cmp.Or(text(h.LastStatus), "-"), nextOfHost(h), yes(h.Stale), aboutHost(h))
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
	var about []string
	if h.Why != nil {
		about = append(about, *h.Why)
	}
	if s := h.Shrunk; s != nil {
		about = append(about, fmt.Sprintf("it shrank from %s to %s", term.Size(s.NormalSize), term.Size(s.Size)))
	}
	if h.Why != nil && !h.AgentOnline {
		about = append(about, "its host is away")
	}
	return strings.Join(about, "; ")
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
	f.Add("Repositories", fmt.Sprintf("%d: %d stale, %d shrunk, %d without a schedule", s.Repositories.Total, s.Repositories.Stale, s.Repositories.Shrunk, s.Repositories.Unscheduled))
	f.Add("Jobs now", fmt.Sprintf("%d running, %d waiting", s.Jobs.Running, s.Jobs.Waiting))
	if err := f.Print(k.out); err != nil {
		return err
	}
	if err := k.out.Printf("\n"); err != nil {
		return err
	}
	t := term.Table{Columns: []term.Column{
		{Title: "BACKUPS"}, {Title: "ALL", Right: true}, {Title: "COMPLETED", Right: true, Drop: 4}, {Title: "WARNINGS", Right: true}, {Title: "FAILED", Right: true}, {Title: "CANCELLED", Right: true, Drop: 2},
		{Title: "READ", Right: true, Drop: 3}, {Title: "ADDED", Right: true, Drop: 1},
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
