package fleet

import (
	"context"
	"fmt"
	"slices"
	"time"

	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
)

// EventType is what an event tells.
type EventType string

const (
	EventJob        EventType = "job"
	EventAgent      EventType = "agent"
	EventRepository EventType = "repository"
	EventRemoved    EventType = "removed" // something is not there any more
	EventReset      EventType = "reset"   // what came before is not known: read everything again
)

// EventTypes are those that can be asked for. Removals belong to the type of
// what was removed, and a reset to every one.
func EventTypes() []EventType { return []EventType{EventJob, EventAgent, EventRepository} }

// ParseEventType rejects anything that is not one of EventTypes.
func ParseEventType(s string) (EventType, error) {
	if slices.Contains(EventTypes(), EventType(s)) {
		return EventType(s), nil
	}
	return "", fmt.Errorf("unknown type of event %q", s)
}

// Event is a value that has changed, as it is now.
type Event struct {
	Type       EventType
	Job        *JobView        // of EventJob
	Agent      *AgentView      // of EventAgent
	Repository *RepositoryView // of EventRepository
	Removed    store.Changed   // of EventRemoved
}

// EventBatch is what a reader is given at once.
type EventBatch struct {
	Events []Event
	Cursor string // where to go on once all of them have been told; may be empty
}

// NextEvents waits for events until ctx ends; then there may be none.
type NextEvents func(ctx context.Context) (EventBatch, error)

// EventQuery selects events; empty fields select everything.
type EventQuery struct {
	Types      []EventType
	Agent      string // id or name: the agent, its jobs and repositories
	Repository string // path, name or id: the repository and its jobs
	JobID      int64
}

// Events tells what changes from now on, or from a cursor that an earlier
// reader was given. The same change may be told again, none is left out.
func (s *Service) Events(q EventQuery, cursor string) (NextEvents, error) {
	want, err := s.eventFilter(q)
	if err != nil {
		return nil, err
	}
	r := newEventReader(s.feed, want, s.lookUp)
	if cursor == "" {
		return r.next, nil
	}
	at, ok := s.feed.place(cursor)
	if r.lost = !ok; ok {
		r.at, r.safe = at, at
	}
	return r.next, nil
}

// lookUp reads the value of what changed.
func (s *Service) lookUp(c store.Changed) (Event, error) {
	switch c.Thing {
	case store.ThingJob:
		j, ok, err := s.store.Job(c.ID)
		if err != nil || !ok {
			return Event{Type: EventRemoved, Removed: c}, err
		}
		v, err := s.view(nil, j)
		return Event{Type: EventJob, Job: &v}, err
	case store.ThingAgent:
		if a, ok := s.store.Agent(c.Agent); ok {
			v := s.agentView(a)
			return Event{Type: EventAgent, Agent: &v}, nil
		}
	case store.ThingRepository:
		if r, ok := s.store.Repository(c.ID); ok {
			v := s.repositoryView(r)
			return Event{Type: EventRepository, Repository: &v}, nil
		}
	}
	return Event{Type: EventRemoved, Removed: c}, nil
}

// eventFilter turns names into ids, once: a client that follows web1 goes on
// following that host when it is given another name.
func (s *Service) eventFilter(q EventQuery) (eventFilter, error) {
	f := eventFilter{job: q.JobID}
	for _, t := range q.Types {
		f.things = append(f.things, thingOf(t))
	}
	if q.Agent != "" {
		a, err := s.findAgent(q.Agent)
		if err != nil {
			return f, fault.InvalidField("query.agent", "no agent %q is enrolled", q.Agent)
		}
		f.agent = a.ID
	}
	if q.Repository != "" {
		if f.repositories = s.repositoryIDs(q.Repository); len(f.repositories) == 0 {
			return f, fault.InvalidField("query.repository", "no repository %q is registered", q.Repository)
		}
	}
	if q.JobID != 0 {
		if _, ok, err := s.store.Job(q.JobID); err != nil {
			return f, err
		} else if !ok {
			return f, fault.InvalidField("query.job_id", "there is no job %d", q.JobID)
		}
	}
	return f, nil
}

func thingOf(t EventType) store.Thing {
	switch t {
	case EventAgent:
		return store.ThingAgent
	case EventRepository:
		return store.ThingRepository
	}
	return store.ThingJob
}

// eventFilter is an EventQuery with ids; empty fields let everything pass.
type eventFilter struct {
	things       []store.Thing
	agent        string
	repositories []int64
	job          int64
}

func (f eventFilter) wants(c store.Changed) bool {
	return (f.things == nil || slices.Contains(f.things, c.Thing)) &&
		(f.agent == "" || c.Agent == f.agent) &&
		(f.repositories == nil || slices.Contains(f.repositories, repositoryOf(c))) &&
		(f.job == 0 || c.Thing == store.ThingJob && c.ID == f.job)
}

func repositoryOf(c store.Changed) int64 {
	switch c.Thing {
	case store.ThingJob:
		return c.Repository
	case store.ThingRepository:
		return c.ID
	}
	return 0
}

const (
	progressEvery = time.Second           // events of one job that tell only of its progress
	eventPause    = 50 * time.Millisecond // between two batches: a busy fleet has hundreds of commits a second
	eventsAtOnce  = 64                    // in a batch, which is held in memory
)
