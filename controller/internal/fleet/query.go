package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/history"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

// Job answers for one job of any kind.
func (s *Service) Job(ctx context.Context, id int64) (JobView, error) {
	j, err := s.loadFor(ctx, id)
	if err != nil {
		return JobView{}, err
	}
	return s.view(scopeOf(ctx), j)
}

// loadFor is load for somebody who may not see all jobs.
func (s *Service) loadFor(ctx context.Context, id int64) (job.Job, error) {
	j, err := s.load(id)
	if err == nil {
		err = refuseOutside(ctx, j)
	}
	return j, err
}

func (s *Service) load(id int64) (job.Job, error) {
	j, ok, err := s.store.Job(id)
	if err != nil {
		return job.Job{}, err
	}
	if !ok {
		return job.Job{}, noSuchJob(id)
	}
	return j, nil
}

// view is a job as who may see scope sees it.
func (s *Service) view(scope *store.Scope, j job.Job) (JobView, error) {
	a, _ := s.store.Agent(j.Agent)
	v := JobView{
		Job:           j,
		AgentName:     s.agentName(j.Agent),
		AgentOnline:   s.online(j.Agent),
		LastContactAt: s.lastContact(a),
		WaitingFor:    s.waitingFor(scope, j),
		LogLines:      linesKept(j),
	}
	v.MaintenanceStatus = s.maintenanceOf(a, j)
	if !j.Spec.Parent.IsZero() {
		id, _, err := s.store.JobByKey(j.Spec.Parent)
		if err != nil {
			return JobView{}, err
		}
		v.ParentID = id
	}
	return v, nil
}

// Jobs answers one page of the history, newest first.
func (s *Service) Jobs(ctx context.Context, q JobQuery) (JobPage, error) {
	f, any, err := s.filter(ctx, q)
	if err != nil {
		return JobPage{}, err
	}
	if !any {
		return JobPage{}, nil
	}
	jobs, next, err := s.store.Query(f, q.Cursor, q.Limit)
	if errors.Is(err, history.ErrCursor) {
		return JobPage{}, fault.InvalidField("query.cursor", "it does not belong to this question; begin again without it")
	}
	if err != nil {
		return JobPage{}, err
	}
	page := JobPage{NextCursor: next, Jobs: make([]JobView, 0, len(jobs))}
	for _, j := range jobs {
		v, err := s.view(scopeOf(ctx), j)
		if err != nil {
			return JobPage{}, err
		}
		page.Jobs = append(page.Jobs, v)
	}
	return page, nil
}

// filter turns names into ids. A name that nothing answers to is an error: an
// empty history would look like one in which nothing happened.
func (s *Service) filter(ctx context.Context, q JobQuery) (history.Filter, bool, error) {
	f := history.Filter{
		Statuses: q.Statuses, Kinds: q.Kinds, Schedule: q.ScheduleID,
		ScheduledOnly: q.ScheduledOnly, ManualOnly: q.ManualOnly,
		Since: q.Since, Until: q.Until, Scope: scope(q),
	}
	if q.Agent != "" {
		f.Agents = slices.DeleteFunc(slices.Clone(s.agentIDs(q.Agent)), func(id string) bool { return !s.agentIn(ctx, id) })
		if len(f.Agents) == 0 {
			return f, false, fault.InvalidField("query.agent", "no agent %q is enrolled", q.Agent)
		}
	}
	if q.Label != "" {
		agents, err := s.labelled(q.Label, f.Agents)
		if err != nil || len(agents) == 0 {
			return f, false, err
		}
		f.Agents = agents
	}
	if q.Repository != "" {
		f.Repositories = s.within(ctx, s.repositoryIDs(q.Repository))
		if len(f.Repositories) == 0 {
			return f, false, fault.InvalidField("query.repository", "no repository %q is registered", q.Repository)
		}
	}
	f.Repositories = s.within(ctx, f.Repositories)
	return f, true, nil
}

// scope names the question as it was asked: a cursor of it stays good when a
// label or a name comes to mean other agents.
func scope(q JobQuery) string {
	q.Cursor, q.Limit = "", 0
	return fmt.Sprintf("%+v", q)
}
