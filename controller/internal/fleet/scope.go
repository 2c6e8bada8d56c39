package fleet

import (
	"context"
	"slices"

	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

type scopeKey struct{}

// WithScope has everything that is asked with ctx be about what s covers alone:
// the rest of the fleet is not there. It is for Start, Cancel, Job, Jobs, Log,
// Trends, Repository, Repositories, RunningJobs, Archives, Contents, Restore and Maintain;
// what else there is does not know of it.
func WithScope(ctx context.Context, s *store.Scope) context.Context {
	return context.WithValue(ctx, scopeKey{}, s)
}

func scopeOf(ctx context.Context) *store.Scope {
	s, _ := ctx.Value(scopeKey{}).(*store.Scope)
	return s
}

// repositoriesIn are the registrations that ctx is about.
func (s *Service) repositoriesIn(ctx context.Context) []store.Repository {
	scope := scopeOf(ctx)
	return slices.DeleteFunc(s.store.Repositories(), func(r store.Repository) bool { return !scope.Covers(r.ID, r.Agent) })
}

// agentIn says whether an agent is one that ctx is about: it has, or had, a
// repository there.
func (s *Service) agentIn(ctx context.Context, id string) bool {
	scope := scopeOf(ctx)
	if scope.Covers(0, id) {
		return true
	}
	return slices.Contains(s.reached(scope), id)
}

// findAgentIn is findAgent for somebody who may not know all agents: one of the
// others is answered for as one that is not there.
func (s *Service) findAgentIn(ctx context.Context, ref string) (store.Agent, error) {
	a, err := s.findAgent(ref)
	if err == nil && !s.agentIn(ctx, a.ID) {
		return store.Agent{}, noSuchAgent(ref)
	}
	return a, err
}

// refuseOutside answers for a job that ctx is not about as for one that is not
// there.
func refuseOutside(ctx context.Context, j job.Job) error {
	if scopeOf(ctx).Covers(j.Spec.Repository.ID, j.Agent) {
		return nil
	}
	return noSuchJob(j.ID)
}

// within narrows ids down to those that ctx is about; nil: all of them. Jobs of
// repositories that are gone are found by the id alone.
func (s *Service) within(ctx context.Context, ids []int64) []int64 {
	scope := scopeOf(ctx)
	if scope == nil {
		return ids
	}
	out := []int64{} // not nil, which is everything
	for _, id := range s.covered(scope) {
		if ids == nil || slices.Contains(ids, id) {
			out = append(out, id)
		}
	}
	return out
}
