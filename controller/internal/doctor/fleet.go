package doctor

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/shared/checkup"
	"borgfleet/shared/job"
	"borgfleet/shared/term"
)

// hosts are a word on all of them, and each trouble of each.
func (p *patient) hosts(ctx context.Context) []checkup.Check {
	agents, err := bounded(ctx, p.o.Controller.Agents)
	if err != nil {
		return p.unknown("agents", "Hosts", err)
	}
	slices.SortFunc(agents, func(a, b rest.Agent) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	online, there := 0, 0
	var all []checkup.Check
	for _, a := range agents {
		if a.Revoked {
			continue
		}
		there++
		if a.Online {
			online++
		}
		for _, t := range append(Troubles(a, p.o.Now()), Upgrades(a, p.service.Version)...) {
			all = append(all, found(t.ID, "Host", a.Name, t.Finding))
		}
	}
	sum := checkup.Good("%s, %d online", plural(there, "host", "hosts"), online)
	if there == 0 {
		sum = checkup.Warning("borgfleet-controller join-token create, and on a host: borgfleet-agent enroll --token-file FILE", "no host has enrolled yet")
	}
	return append([]checkup.Check{found("agents", "Hosts", "", sum)}, all...)
}

// longPending is how long a registration may take: its init waits for its host.
const longPending = 10 * time.Minute

func (p *patient) repositories(ctx context.Context) []checkup.Check {
	repos, err := bounded(ctx, p.o.Controller.Repositories)
	if err != nil {
		return p.unknown("repositories", "Repositories", err)
	}
	slices.SortFunc(repos, func(a, b rest.Repository) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	sum := checkup.Good("%s", plural(len(repos), "repository", "repositories"))
	if len(repos) == 0 {
		sum = checkup.Warning("borgfleet-controller repositories create NAME PATH --agent AGENT --source PATH", "none is registered, so nothing is backed up")
	}
	all := []checkup.Check{found("repositories", "Repositories", "", sum)}
	for _, r := range repos {
		if f := p.repository(ctx, r); f.State != checkup.OK {
			all = append(all, found("repository", "Repository", r.Name, f))
		}
	}
	return all
}

func (p *patient) repository(ctx context.Context, r rest.Repository) checkup.Finding {
	name := term.Shell(r.Name)
	switch {
	case r.Status == "failed":
		return checkup.Bad("once that is dealt with: borgfleet-controller repositories delete "+name+", then repositories create", "it could not be made on %s: %s", r.Agent, deref(r.ErrorMessage))
	case r.Status == "pending" && since(r.CreatedAt, p.o.Now()) > longPending:
		return checkup.Warning("see what it waits for: borgfleet-controller repositories jobs "+name, "it was registered %s, and is not made yet on %s", term.Ago(r.CreatedAt.Time, p.o.Now()), r.Agent)
	case r.Status != "ready" || r.Archives != nil && *r.Archives > 0:
		return checkup.Good("")
	}
	done, err := bounded(ctx, func(ctx context.Context) (rest.JobList, error) {
		return p.o.Controller.Jobs(ctx, client.JobFilter{
			Limit: 1, Repository: r.Path, Agent: r.AgentID, Statuses: []string{string(job.Completed), string(job.CompletedWithWarnings)},
		})
	})
	switch {
	case err != nil:
		return checkup.Skip("whether it was ever backed up is not told: %v", err)
	case len(done.Jobs) == 0:
		return checkup.Warning("borgfleet-controller jobs start "+name+" --follow", "%s has never been backed up to it", r.Agent)
	}
	return checkup.Good("")
}

const (
	// longWait is how long a job may wait before somebody should know why.
	longWait = time.Hour
	// mostWaiting bounds what is read and shown of jobs that wait.
	mostWaiting = 100
)

// waiting are the jobs that have waited for long.
func (p *patient) waiting(ctx context.Context) []checkup.Check {
	page, err := bounded(ctx, func(ctx context.Context) (rest.JobList, error) {
		return p.o.Controller.Jobs(ctx, client.JobFilter{
			Limit: mostWaiting, Statuses: []string{string(job.Pending)}, Until: p.o.Now().Add(-longWait), Kinds: allKinds(),
		})
	})
	if err != nil {
		return p.unknown("jobs", "Jobs", err)
	}
	if len(page.Jobs) == 0 {
		return []checkup.Check{found("jobs", "Jobs", "", checkup.Good("none has waited for more than %s", term.Duration(longWait)))}
	}
	var all []checkup.Check
	for _, j := range page.Jobs {
		why := cmp.Or(deref(j.WaitingFor), "its host's word")
		all = append(all, found("job", "Job", plainID(j.ID), checkup.Warning(wayOut(j, why),
			"the %s of %s on %s has waited since %s: %s", j.Kind, j.Repository, j.Agent, moment(j.CreatedAt), why)))
	}
	if page.NextCursor != nil {
		all = append(all, found("jobs", "Jobs", "", checkup.Warning("borgfleet-controller jobs list --status pending", "more than %d jobs have waited for more than %s", mostWaiting, term.Duration(longWait))))
	}
	return all
}

// wayOut is what to do about a job that waits.
func wayOut(j rest.Job, why string) string {
	agent, cancel := term.Shell(j.Agent), "or give it up: borgfleet-controller jobs cancel "+plainID(j.ID)
	switch {
	case strings.HasPrefix(why, "agent offline"):
		return "on that host: borgfleet-agent run\n" + cancel
	case strings.HasPrefix(why, "agent paused"):
		return "borgfleet-controller agents resume " + agent + "\n" + cancel
	case strings.HasPrefix(why, "agent revoked"):
		return cancel[len("or "):]
	case strings.HasPrefix(why, "host busy"):
		return "borgfleet-controller agents limit " + agent + " N   (if the host can bear more at once)\n" + cancel
	case strings.HasPrefix(why, "repository busy"):
		return "borgfleet-controller jobs list --status running --repository " + term.Shell(j.Repository) + "\n" + cancel
	case strings.HasPrefix(why, "not now"):
		return "see what the hook says: borgfleet-controller jobs logs " + plainID(j.ID) + "\n" + cancel
	case strings.HasPrefix(why, "repository locked"):
		return "on that host, if no borg works there: borgfleet-agent borg " + term.Shell(j.Repository) + " -- break-lock\n" + cancel
	}
	return "on that host: borgfleet-agent doctor " + term.Shell(j.Repository) + "\n" + cancel
}
