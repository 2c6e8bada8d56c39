package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/controller/internal/doctor"
	"borgfleet/shared/job"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
)

func (k *controller) agentsShow() *cli.Command {
	return &cli.Command{
		Name: "show", ArgsUsage: "AGENT",
		Usage:       "show all that is known of a host",
		Description: "AGENT is its name or id.",
		Flags:       listFlags(),
		Action:      k.repeated((*controller).showAgent),
	}
}

// agentWhole is an agent with what hangs on it.
type agentWhole struct {
	Agent        rest.Agent        `json:"agent"`
	Repositories []rest.Repository `json:"repositories"`
	Jobs         []rest.Job        `json:"jobs"` // running and waiting
}

func (k *controller) showAgent(c *cli.Context) error {
	args, asJSON, err := cmdline.Given(c, "AGENT")
	if err != nil {
		return err
	}
	return k.ask(c, func(ctx context.Context, cl *client.Client) error {
		whole, err := wholeAgent(ctx, cl, args[0])
		if err != nil {
			return err
		}
		if asJSON {
			return k.out.JSON(whole)
		}
		return k.tellAgent(whole)
	})
}

func wholeAgent(ctx context.Context, cl *client.Client, ref string) (w agentWhole, err error) {
	w.Repositories = []rest.Repository{}
	if w.Agent, err = cl.Agent(ctx, ref); err != nil {
		return w, err
	}
	all, err := cl.Repositories(ctx)
	if err != nil {
		return w, err
	}
	for _, r := range all {
		if r.AgentID == w.Agent.ID {
			w.Repositories = append(w.Repositories, r)
		}
	}
	jobs, err := collect(ctx, cl, client.JobFilter{
		Agent: w.Agent.ID, Statuses: []string{string(job.Running), string(job.Pending)}, Kinds: kinds(everyKind),
	}, usualJobs)
	w.Jobs = jobs.Jobs
	return w, err
}

func (k *controller) tellAgent(w agentWhole) error {
	a := w.Agent
	var f term.Fields
	f.Add("Name", a.Name)
	f.Add("Agent id", a.ID)
	f.Add("Host", a.Hostname)
	f.Add("State", agentState(a))
	f.Add("Last contact", term.Ago(at(a.LastContactAt), k.now()))
	f.Add("Enrolled", moment(a.EnrolledAt))
	f.Add("Revoked", moment(a.RevokedAt))
	f.Add("Version", text(a.Version))
	for _, b := range a.Borg {
		f.Add("Borg", strings.TrimSpace(text(b.Version)+"  "+b.Path))
	}
	f.Add("Certificate", "until "+term.Time(at(a.CertificateExpiresAt)))
	if s := a.ClockSkewSeconds; s != nil && *s != 0 {
		f.Add("Clock", doctor.SkewText(*s))
	}
	f.Add("Recovery", recoveryOf(a))
	f.Add("Labels", labels(a.Labels))
	f.Add("At once", fmt.Sprintf("%d jobs at most; %d running, %d waiting", a.MaxParallel, a.Running, a.Waiting))
	for _, trouble := range doctor.Troubles(a, k.now()) {
		f.Add("Look at", trouble.Message+"\n"+trouble.Todo)
	}
	if err := f.Print(k.out); err != nil {
		return err
	}
	if len(w.Repositories) > 0 {
		if err := k.out.Printf("\n"); err != nil {
			return err
		}
		if err := k.tellRepositories(w.Repositories, "AGENT"); err != nil {
			return err
		}
	}
	if len(w.Jobs) == 0 {
		return nil
	}
	if err := k.out.Printf("\n"); err != nil {
		return err
	}
	return k.tellJobs(rest.JobList{Jobs: w.Jobs}, "AGENT")
}

// without leaves columns out that would say the same in each row.
func without(columns []term.Column, titles []string) (kept []term.Column, keep func([]string) []string) {
	var shown []int
	for i, c := range columns {
		if !slices.Contains(titles, c.Title) {
			kept, shown = append(kept, c), append(shown, i)
		}
	}
	return kept, func(cells []string) []string {
		var out []string
		for _, i := range shown {
			out = append(out, cells[i])
		}
		return out
	}
}
