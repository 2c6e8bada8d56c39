package fleet

import (
	"context"
	"fmt"
	"slices"
	"time"

	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/history"
	"borgfleet/controller/internal/store"
)

// HostQuery selects repositories.
type HostQuery struct {
	Agent     string        // id or name
	Label     string        // key=value
	MaxAge    time.Duration // a newest good backup that is older is stale, whatever schedules say; 0: they decide
	StaleOnly bool

	ShrunkOnly bool
}

// HostView is how well one repository of a host is backed up.
type HostView struct {
	Repository    int64
	Name          string
	Path          string
	AgentID       string
	AgentName     string
	AgentOnline   bool
	LastContactAt time.Time
	Scheduled     bool      // some schedule backs it up, and is not paused
	Paused        bool      // all that would are
	ExpectedAt    time.Time // when the newest backup that there should be was due; zero: none is expected yet
	NextRun       time.Time
	Stale         bool
	Why           string // it is stale

	history.Last // the newest backup, the newest good one, and the last of a normal size
}

// Hosts says how well everything is backed up, by agent and name.
func (s *Service) Hosts(ctx context.Context, q HostQuery) ([]HostView, error) {
	asked, err := s.askedAgents(q)
	if err != nil {
		return nil, err
	}
	out := []HostView{}
	err = s.eachHost(ctx, asked, q.MaxAge, func(v HostView) {
		if (v.Stale || !q.StaleOnly) && (v.Shrunk() || !q.ShrunkOnly) {
			out = append(out, v)
		}
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(out, func(a, b HostView) int {
		return compareTexts(a.AgentName, b.AgentName, a.Name, b.Name)
	})
	return out, nil
}

// eachHost calls do with the repositories of agents, nil being all, oldest first.
func (s *Service) eachHost(ctx context.Context, agents []string, maxAge time.Duration, do func(HostView)) error {
	asked := map[string]bool{}
	for _, id := range agents {
		asked[id] = true
	}
	scope := scopeOf(ctx)
	for _, h := range s.fleet().hosts {
		if (agents == nil || asked[h.agent.ID]) && scope.Covers(h.repo.ID, h.agent.ID) {
			v := s.hostView(h.repo, h.agent, h.by, maxAge)
			v.Paused = !v.Scheduled && h.paused
			do(v)
		}
	}
	return ctx.Err()
}

func compareTexts(pairs ...string) int {
	for i := 0; i+1 < len(pairs); i += 2 {
		switch {
		case pairs[i] < pairs[i+1]:
			return -1
		case pairs[i] > pairs[i+1]:
			return 1
		}
	}
	return 0
}

// askedAgents are those that a query is about; nil: all.
func (s *Service) askedAgents(q HostQuery) ([]string, error) {
	var agents []string
	if q.Agent != "" {
		a, err := s.findAgent(q.Agent)
		if err != nil {
			return nil, fault.InvalidField("query.agent", "no agent %q is enrolled", q.Agent)
		}
		agents = []string{a.ID}
	}
	if q.Label == "" {
		return agents, nil
	}
	labelled, err := s.labelled(q.Label, agents)
	if labelled == nil {
		labelled = []string{}
	}
	return labelled, err
}

func (s *Service) hostView(repo *store.Repository, a *store.Agent, by []*store.Schedule, maxAge time.Duration) HostView {
	last := s.store.LastJobs(repo.ID)
	v := HostView{
		Repository: repo.ID, Name: repo.Name, Path: repo.Path, AgentID: a.ID, AgentName: a.Name,
		AgentOnline: s.online(a.ID), LastContactAt: s.lastContact(*a), Scheduled: len(by) > 0, Last: last,
	}
	now := s.now()
	patience := leastPatience
	if len(by) > 0 {
		patience += 2 * s.tookLast(repo.ID, last.Good)
	}
	for _, one := range by {
		t := s.expectations.of(one, repo.ID, a, now, patience)
		if !t.next.IsZero() && (v.NextRun.IsZero() || t.next.Before(v.NextRun)) {
			v.NextRun = t.next
		}
		if t.due.After(v.ExpectedAt) {
			v.ExpectedAt = t.due
		}
	}
	v.judge(repo, now, maxAge)
	return v
}

// leastPatience is how long after it was due a backup may be on its way at least:
// queues and retries take some time. Big backups take long: twice the time that
// the last good one took comes on top.
const leastPatience = 2 * time.Hour

// judge goes by the newest good archive: a backup that fails each night is no
// backup.
func (v *HostView) judge(repo *store.Repository, now time.Time, maxAge time.Duration) {
	switch {
	case repo.Status == store.RepositoryFailed:
		v.Stale, v.Why = true, "the repository could not be set up"
	case maxAge > 0 && v.Good.ID == 0 && now.Sub(repo.CreatedAt) > maxAge, v.Good.ID == 0 && !v.ExpectedAt.IsZero():
		v.Stale, v.Why = true, "there is no good backup"
	case maxAge > 0 && now.Sub(v.Good.CreatedAt) > maxAge && v.Good.ID != 0:
		v.Stale, v.Why = true, fmt.Sprintf("no good backup since %s", moment(v.Good.CreatedAt))
	case maxAge == 0 && v.Good.CreatedAt.Before(v.ExpectedAt):
		v.Stale, v.Why = true, fmt.Sprintf("no good backup since %s; one was due at %s", moment(v.Good.CreatedAt), moment(v.ExpectedAt))
	}
}
