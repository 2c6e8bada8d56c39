package doctor

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"sync"

	"borgfleet/agent/internal/access"
	"borgfleet/agent/internal/borg"
	"borgfleet/agent/internal/jobproc"
	"borgfleet/agent/internal/policy"
	"borgfleet/shared/checkup"
	"borgfleet/shared/job"
	"borgfleet/shared/term"
)

func (h *host) repositories(context.Context) checkup.Finding {
	switch {
	case h.idErr != nil:
		return notEnrolled()
	case h.o.Unread != nil:
		return checkup.Bad("restart the agent while the controller is there: it sends them again", "%v", h.o.Unread)
	case len(h.o.Repositories) == 0:
		return checkup.Warning("on the controller's host: borgfleet-controller repositories create NAME PATH --agent "+term.Shell(h.id.Name)+" --source PATH", "the controller has told this host of none, so nothing is backed up")
	case h.confErr != nil:
		return noConfiguration()
	}
	names := make([]string, len(h.o.Repositories))
	for i, r := range h.o.Repositories {
		names[i] = nameOf(r)
	}
	return checkup.Good("%s", strings.Join(names, ", "))
}

// repository is one that this host backs up to.
type repository struct {
	*host
	job.Repository
	place  borg.Location
	secret func() secret
	way    func() checkup.Finding // how what leads to it was found
}

// checksOf are the checks of one repository. Whatever two of them need is found
// out once.
func (h *host) checksOf(ctx context.Context, def job.Repository) []checkup.Check {
	r := &repository{host: h, Repository: def}
	location, err := borg.ParseLocation(def.Path)
	if err != nil {
		return []checkup.Check{{ID: "repository_path", Title: "Path", Subject: cmp.Or(def.Name, def.Path), Run: func(context.Context) checkup.Finding {
			return checkup.Bad("register it anew: borgfleet-controller repositories create NAME PATH", "%v", err)
		}}}
	}
	r.place = location
	r.secret = sync.OnceValue(func() secret {
		ctx, cancel := context.WithTimeout(ctx, secretTime)
		defer cancel()
		return r.openSecret(ctx)
	})
	check := func(id, title string) checkup.Check {
		return checkup.Check{ID: id, Title: title, Subject: cmp.Or(def.Name, def.Path)}
	}
	with := func(c checkup.Check, run func(context.Context) checkup.Finding) checkup.Check { c.Run = run; return c }
	way := with(check("repository_path", "Path"), r.path)
	if location.Remote() {
		way = with(check("repository_ssh", "SSH"), r.ssh)
	}
	// Bounded: borg must not wait for a disk that does not answer any more.
	r.way = sync.OnceValue(func() checkup.Finding { return way.Bounded(ctx) })
	led := way
	led.Run = func(context.Context) checkup.Finding { return r.way() }
	passphrase := with(check("repository_passphrase", "Passphrase"), r.passphrase)
	passphrase.Limit = secretTime + endTime
	opens := with(check("repository_opens", "Opens"), r.opens)
	opens.Limit = secretTime + openTime + 2*endTime
	checks := []checkup.Check{
		with(check("repository_allowed", "Allowed"), r.permitted),
		with(check("repository_sources", "Sources"), r.sources),
		led, passphrase, opens,
	}
	if len(def.Hooks.Names()) > 0 {
		checks = append(checks, with(check("repository_hooks", "Hooks"), r.hooks))
	}
	return checks
}

// permitted asks the policy as a backup would.
func (r *repository) permitted(context.Context) checkup.Finding {
	p, err := policy.New(r.conf, r.o.State.Path(), r.o.ConfigFile)
	if err != nil {
		return checkup.Bad("correct agent.yaml", "%v", err)
	}
	err = p.Check(job.Spec{Kind: job.Backup, Repository: r.Repository})
	if no, ok := errors.AsType[*policy.Refusal](err); ok {
		todo := "register it anew on the controller"
		if no.Command != "" {
			todo = no.Command
		}
		return checkup.Bad(todo, "this host refuses backups to it (%s): %s", no.Rule, no.Message)
	}
	if err != nil {
		return checkup.Bad("correct agent.yaml", "%v", err)
	}
	return checkup.Good("backups from %s", strings.Join(r.Repository.Sources, ", "))
}

// sources judges as a backup does: one without any source fails, one without
// some of them goes on and warns.
func (r *repository) sources(context.Context) checkup.Finding {
	if r.foreign {
		return r.otherAccount()
	}
	all := r.Repository.Sources
	gone, closed := jobproc.Unusable(all)
	update := "borgfleet-controller repositories update " + nameOf(r.Repository) + " --source PATH   (on the controller's host; all of them)"
	var why, todo []string
	if len(gone) > 0 {
		why, todo = append(why, strings.Join(gone, ", ")+": not there"), append(todo, "mount it, or correct what is backed up: "+update)
	}
	if len(closed) > 0 {
		why, todo = append(why, strings.Join(closed, ", ")+": may not be read"), append(todo, "run the agent as an account that may read it, or as root")
	}
	switch {
	case len(all) == 0:
		return checkup.Bad(update, "nothing is named that is to be backed up")
	case len(why) == 0:
		return checkup.Good("%s", strings.Join(all, ", "))
	case len(gone)+len(closed) < len(all):
		return checkup.Warning(strings.Join(todo, "\n"), "%s", strings.Join(why, "; "))
	}
	return checkup.Bad(strings.Join(todo, "\n"), "%s", strings.Join(why, "; "))
}

func (r *repository) otherAccount() checkup.Finding {
	return checkup.Skip("this can only be looked at as the account %s", account(ownerOf(r.o.State.Path())))
}

// borgHost is what a job's borg would run with.
func (r *repository) borgHost() (borg.Host, error) {
	return access.Host(r.o.State, r.id, r.conf, r.Repository)
}
