package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
)

const (
	usualEntries = 50
	pageEntries  = 1000 // most that one answer has
)

// The controller has the same ones.
func auditOutcomes() []string { return []string{"done", "refused", "failed", "left_out"} }

func (k *controller) audit() *cli.Command {
	return &cli.Command{
		Name:  "audit",
		Usage: "who did what, and what was refused, newest first",
		Description: "Each change is there, each refusal of somebody who tried to prove who they are, each login and each failed one, and orders that a host has refused. " +
			"Where there were too many of what changes nothing, an entry says how many were left out. " +
			"TIME is a date or a moment such as 2024-03-01T10:00:00Z, or how long ago: 26h, 7d. WHAT is the name that the operation has in /api/docs.\n\n" +
			"  borgfleet-controller audit --since 7d --outcome refused\n" +
			"  borgfleet-controller audit --on job/12",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "who", Usage: "only what `NAME` did: a user, an agent, or an account of the controller's host as root@localhost"},
			&cli.StringSliceFlag{Name: "what", Usage: "only `WHAT`, such as login, startBackup, cancelJob, revokeAgent"},
			&cli.StringFlag{Name: "on", Usage: "only what was done to this `THING`, such as job/12, repository/7, user/ann"},
			&cli.StringSliceFlag{Name: "outcome", Usage: "only with this `OUTCOME`: done, refused, failed or left_out"},
			&cli.StringFlag{Name: "since", Usage: "only from `TIME` on"},
			&cli.StringFlag{Name: "until", Usage: "only before `TIME`"},
			&cli.IntFlag{Name: "limit", Value: usualEntries, Usage: "show at most `N`"},
			&cli.StringFlag{Name: "cursor", Usage: "go on after the `CURSOR` of a list before, with the same filters"},
		}, listFlags()...),
		Action: k.repeated((*controller).listAudit),
	}
}

func (k *controller) listAudit(c *cli.Context) error {
	_, asJSON, err := cmdline.Given(c)
	if err != nil {
		return err
	}
	filter, err := k.auditFilter(c)
	if err != nil {
		return cmdline.Usagef("%w", err)
	}
	return k.ask(c, func(ctx context.Context, cl *client.Client) error {
		list, err := collectAudit(ctx, cl, filter, c.Int("limit"))
		if err != nil {
			return err
		}
		if asJSON {
			return k.out.JSON(list)
		}
		return k.tellAudit(list)
	})
}

func (k *controller) auditFilter(c *cli.Context) (client.AuditFilter, error) {
	f := client.AuditFilter{
		Who: c.String("who"), On: c.String("on"), Whats: c.StringSlice("what"), Outcomes: c.StringSlice("outcome"), Cursor: c.String("cursor"),
	}
	for _, o := range f.Outcomes {
		if err := among("--outcome", o, auditOutcomes()); err != nil {
			return f, err
		}
	}
	if c.Int("limit") < 1 {
		return f, fmt.Errorf("--limit is at least 1, not %d", c.Int("limit"))
	}
	var err error
	f.Since, f.Until, err = k.span(c)
	return f, err
}

// collectAudit reads as many pages as limit needs: one may be short.
func collectAudit(ctx context.Context, cl *client.Client, f client.AuditFilter, limit int) (rest.AuditLog, error) {
	list := rest.AuditLog{Entries: []rest.AuditEntry{}}
	for {
		f.Limit = min(limit-len(list.Entries), pageEntries)
		page, err := cl.Audit(ctx, f)
		if err != nil {
			return list, err
		}
		list.Entries = append(list.Entries, page.Entries...)
		list.NextCursor = page.NextCursor
		if page.NextCursor == nil || len(list.Entries) >= limit {
			return list, nil
		}
		f.Cursor = *page.NextCursor
	}
}

func (k *controller) tellAudit(list rest.AuditLog) error {
	if len(list.Entries) == 0 {
		return k.err.Printf("There is no such entry.\n")
	}
	t := term.Table{Columns: []term.Column{
		{Title: "AT"}, {Title: "WHO", Cut: term.CutEnd}, {Title: "VIA", Cut: term.CutEnd, Drop: 3}, {Title: "FROM", Cut: term.CutEnd, Drop: 2}, {Title: "WHAT"},
		{Title: "ON", Cut: term.CutEnd}, {Title: "OUTCOME"}, {Title: "ABOUT", Cut: term.CutEnd, Drop: 1},
	}}
	for _, e := range list.Entries {
		t.Add(term.Time(at(e.At)), text(e.Who), text(e.Via), text(e.From), e.What, text(e.On), e.Outcome, auditRemark(e))
	}
	if err := t.Print(k.out); err != nil {
		return err
	}
	if list.NextCursor != nil {
		return k.err.Printf("There are more: raise --limit, narrow down, or go on with --cursor %s\n", term.Shell(term.Clean(*list.NextCursor)))
	}
	return nil
}

// auditRemark is what there is to say beside who and what.
func auditRemark(e rest.AuditEntry) string {
	var parts []string
	if e.Count > 1 {
		parts = append(parts, fmt.Sprintf("%s times", term.Count(e.Count)))
	}
	for _, p := range []string{text(e.Code), text(e.Detail)} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	return strings.Join(parts, ": ")
}
