package fleet

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

// MaintenanceRequest asks for a check, compact, prune or break-lock.
type MaintenanceRequest struct {
	Kind           job.Kind
	Repository     int64
	Prune          *job.PruneSpec // of a prune; no rule: the repository's retention
	Check          *job.CheckSpec // of a check; nil: everything
	IdempotencyKey string
	By             string
}

// Maintain makes a maintenance job. What the host does not allow it refuses
// itself.
func (s *Service) Maintain(ctx context.Context, r MaintenanceRequest) (job.Job, error) {
	repo, through, refused := s.maintainable(ctx, r)
	request := fmt.Sprintf("maintain\x00%s\x00%d\x00%+v\x00%+v", r.Kind, r.Repository, deref(r.Prune), deref(r.Check))
	return s.startOnce(ctx, once{r.By, r.IdempotencyKey, request}, refused, func(tx *store.Tx) (job.Job, error) {
		if r.Kind == job.BreakLock {
			if err := s.refuseInHand(tx, repo); err != nil {
				return job.Job{}, err
			}
		}
		return s.order(tx, through.ID, r.Kind, r.By, func(spec *job.Spec) {
			spec.Prune, spec.Check = r.prune(repo), r.Check
			s.asMaintainer(spec, repo)
			if r.Kind == job.BreakLock {
				spec.StartDeadline = spec.CreatedAt.Add(min(job.BreakLockDeadline, s.set.StartDeadline))
			}
		})
	})
}

// prune is what is asked for, with the rule that counts.
func (r MaintenanceRequest) prune(repo store.Repository) *job.PruneSpec {
	if r.Prune == nil || r.Prune.Keep != (job.Keep{}) {
		return r.Prune
	}
	return &job.PruneSpec{Keep: repo.Retention, DryRun: r.Prune.DryRun}
}

func deref[T any](p *T) T {
	if p == nil {
		return *new(T)
	}
	return *p
}

// maintainable finds the registration and the one that the job runs with, and
// says what is in the way.
func (s *Service) maintainable(ctx context.Context, r MaintenanceRequest) (repo, through store.Repository, err error) {
	repo, ok := s.store.Repository(r.Repository)
	if !ok || !scopeOf(ctx).Covers(repo.ID, repo.Agent) {
		return repo, repo, noSuchRepository(r.Repository)
	}
	if repo.Status != store.RepositoryReady {
		return repo, repo, notReady(repo)
	}
	through = repo
	if r.Kind.Maintains() {
		if through, err = s.maintainedThrough(repo); err != nil {
			return repo, through, err
		}
	}
	if !scopeOf(ctx).Covers(through.ID, through.Agent) {
		return repo, through, fault.New(fault.Forbidden, "token_scope",
			"the maintainer of %q does this with a registration of its own, which this API token does not reach: ask for a token for both, or log in", repo.Name)
	}
	switch r.Kind {
	case job.Prune:
		if err = refuseWide(repo); err == nil {
			err = refuseNoRule(*r.prune(repo), repo)
		}
	case job.Compact:
		err = s.refuseCompact(through)
	}
	return repo, through, err
}

// refuseWide: a pattern that was made from the format of the archives' names, and
// has no name in it, matches those of other hosts too. A person may mean that;
// then it is written down.
func refuseWide(repo store.Repository) error {
	if repo.MatchArchives != "" || strings.Contains(repo.ArchiveNameFormat, "{agent}") || strings.Contains(repo.ArchiveNameFormat, "{repository}") || repo.ArchiveNameFormat == "" {
		return nil
	}
	fixed := strings.NewReplacer("{now}", "", "{utcnow}", "", "{job}", "").Replace(repo.ArchiveNameFormat)
	if strings.Trim(fixed, "-_.+@ ") != "" {
		return nil
	}
	return fault.New(fault.Conflict, "pattern_too_wide",
		"the archives of %q are named %s, which tells them from no others in the same borg repository: set match_archives, to * if there are no others, and prune then", repo.Name, repo.ArchiveNameFormat)
}

// refuseNoRule: what is to be kept somebody has to say.
func refuseNoRule(p job.PruneSpec, repo store.Repository) error {
	if p.Keep != (job.Keep{}) {
		return nil
	}
	return fault.InvalidField("body", "%q has no retention: say what this prune is to keep (keep_daily and the like), or give it one, with PUT /api/repositories/%d or borgfleet-controller repositories update %d --keep-daily 7", repo.Name, repo.ID, repo.ID)
}

// refuseInHand: a lock that is broken under a borg that is at work lets two of
// them write, so nothing of ours may be. A job of a host that is silent may well
// be at work, and one that waits for a lock may have it in the next moment.
func (s *Service) refuseInHand(tx *store.Tx, repo store.Repository) error {
	here := job.Job{Agent: repo.Agent, Spec: job.Spec{Repository: repo.Repository}}
	for _, other := range tx.AtLocation(store.Locations(here)...) {
		if inHand(other) && !forsaken(tx, other, here) {
			return fault.New(fault.Conflict, "repository_busy",
				"job %d (%s on %s) is in hand at this repository, and a lock may be its own: cancel it, or wait for its end, then break the lock%s",
				other.ID, other.Spec.Kind, s.agentName(other.Agent), doubtOf(other, here))
		}
	}
	return nil
}

// forsaken: a job of an agent that was revoked, and that is at the repository by
// that agent's word alone.
func forsaken(in books, other, here job.Job) bool {
	a, _ := in.Agent(other.Agent)
	return a.Revoked && !standsBefore(other, here)
}

// doubtOf is the way out for who does not believe that a job is there.
func doubtOf(other, here job.Job) string {
	if standsBefore(other, here) {
		return ""
	}
	return "; that it is at work here is its agent's word: if that is not to be believed, revoke the agent"
}

// changesArchives: a prune removes some, and a compact makes it final what others
// removed.
func changesArchives(j job.Job) bool {
	if j.Verdict.StartedAt.IsZero() && j.Verdict.ErrorCode != job.CodeArchivesVanished {
		return false
	}
	switch j.Spec.Kind {
	case job.Prune:
		return j.Spec.Prune != nil && !j.Spec.Prune.DryRun
	case job.Compact:
		return true
	}
	return false
}

// listAfter has the archives listed by everybody at the place: what a prune
// removed is known then, however it ended. A list of another agent that was not
// sent yet will do: who makes up prunes must not make jobs for others without end.
func (s *Service) listAfter(tx *store.Tx, j job.Job) error {
	spec := j.Spec
	repo, ok := tx.Repository(spec.Repository.ID)
	if !ok || repo.Agent != j.Agent {
		return nil
	}
	for _, r := range placeOf(tx.Repositories(), repo) {
		if a, _ := tx.Agent(r.Agent); r.Status != store.RepositoryReady || a.Revoked || r.Agent != j.Agent && listToCome(tx, r) {
			continue
		}
		_, err := s.order(tx, r.ID, job.List, fmt.Sprintf("the controller: after the %s, job %d", spec.Kind, j.ID), func(list *job.Spec) {
			list.TriggeredBy, list.Parent = spec.TriggeredBy, j.Key
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// listToCome says whether a list of a repository's archives waits to be sent.
func listToCome(tx *store.Tx, repo store.Repository) bool {
	return slices.ContainsFunc(unfinished(tx.Active(repo.Agent), repo.ID), func(j job.Job) bool {
		return listsArchives(j.Spec) && !j.Sent && !inHand(j) && !j.CancelRequested
	})
}
