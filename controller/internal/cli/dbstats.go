package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/controller/internal/retention"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
)

func (k *controller) dbStats(c *cli.Context) error {
	_, asJSON, err := cmdline.Given(c)
	if err != nil {
		return err
	}
	return k.askSocket(c, func(ctx context.Context, cl *client.Client) error {
		s, err := cl.Stats(ctx)
		if err != nil {
			return err
		}
		if asJSON {
			return k.out.JSON(s)
		}
		var f term.Fields
		addContents(&f, s)
		addRetention(&f, s.Retention)
		return f.Print(k.out)
	})
}

func addContents(f *term.Fields, s rest.StoreStats) {
	f.Add("jobs", fmt.Sprint(s.Jobs))
	f.Add("highest id", fmt.Sprint(s.HighestJob))
	if s.Jobs > 0 {
		f.Add("oldest job", term.Time(s.OldestJob))
		f.Add("newest job", term.Time(s.NewestJob))
	}
	f.Add("agents", fmt.Sprint(s.Agents))
	f.Add("repositories", fmt.Sprint(s.Repositories))
	f.Add("logs", term.Size(s.LogBytes)+since(s.OldestLog))
	f.Add("audit log", amount(s.AuditEntries, "entry", "entries")+since(s.OldestAuditEntry))
	f.Add("other records", fmt.Sprint(s.Others))
	f.Add("on disk", term.Size(s.DiskBytes))
	if s.Removed > 0 {
		f.Add("not given back", "about "+term.Size(s.Removed))
	}
	if !s.RestoredAt.IsZero() {
		f.Add("restored", term.Time(s.RestoredAt)+" from a backup of "+term.Time(s.RestoredFrom))
	}
}

func since(oldest time.Time) string {
	if oldest.IsZero() {
		return ""
	}
	return ", since " + term.Time(oldest)
}

// addRetention says what is kept, and what was done for it.
func addRetention(f *term.Fields, r rest.StoreRetention) {
	policy := retention.Policy{
		Logs: time.Duration(r.Logs) * time.Second, LogBytes: r.LogBytes,
		History: time.Duration(r.History) * time.Second, Jobs: int(r.Jobs), Audit: time.Duration(r.Audit) * time.Second,
	}
	f.Add("kept are", policy.String())
	f.Add("last removal", lastSweep(r.Last))
	f.Add("next removal", term.Time(r.NextAt))
}

func lastSweep(s rest.Sweep) string {
	if s.BeganAt.IsZero() {
		return "none since the controller was started"
	}
	did := fmt.Sprintf("%s (%s), %s, %s of the audit log", amount(s.Logs, "log", "logs"), term.Size(s.LogBytes),
		amount(s.Jobs, "job", "jobs"), amount(s.AuditEntries, "entry", "entries"))
	if s.Packed {
		did += ", and the disk was given back"
	}
	switch {
	case s.Problem != "":
		return term.Time(s.EndedAt) + ": " + did + ", then: " + s.Problem
	case s.EndedAt.IsZero():
		return "at work since " + term.Time(s.BeganAt) + ": " + did
	}
	return term.Time(s.EndedAt) + ": " + did
}
