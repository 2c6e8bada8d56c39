package api

import (
	"context"
	"net/http"
	"time"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/fleet"
	"borgfleet/controller/internal/store"
)

// events streams what changes in the fleet.
func (s *server) events(w http.ResponseWriter, r *http.Request) error {
	in := readQuery(r)
	q := fleet.EventQuery{
		Types:      each(in, "type", fleet.ParseEventType, fleet.EventTypes()),
		Agent:      in.text("agent"),
		Repository: in.text("repository"),
		JobID:      in.number("job_id", 0, 1),
	}
	if err := in.bad.err(); err != nil {
		return err
	}
	next, err := s.Fleet.Events(q, r.Header.Get(lastEventID))
	if err != nil {
		return err
	}
	st, ctx, done, err := s.openStream(w, r, Viewer)
	if err != nil {
		return err
	}
	defer done()
	if r.Method == http.MethodHead {
		return nil
	}
	if err := s.tellEvents(ctx, st, caller(r).Role, next); err != nil && ctx.Err() == nil && st.failed == nil {
		s.Logger.Error("event stream ended", "err", err) // the client comes back
	}
	return nil
}

const lastEventID = "Last-Event-ID"

func (s *server) tellEvents(ctx context.Context, st *stream, role Role, next fleet.NextEvents) error {
	// At once, so that a client that is cut before anything happens has a place
	// to come back to.
	for patience := time.Duration(0); ; patience = s.Heartbeat {
		wait, cancel := context.WithTimeout(ctx, patience)
		batch, err := next(wait)
		cancel()
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := s.tellBatch(st, role, batch); err != nil {
			return err
		}
	}
}

// tellBatch gives the place with the last event: a client that is cut before
// that hears all of them again.
func (s *server) tellBatch(st *stream, role Role, batch fleet.EventBatch) error {
	for i, e := range batch.Events {
		id := ""
		if i == len(batch.Events)-1 {
			id = batch.Cursor
		}
		if err := st.event(string(e.Type), id, s.eventBody(e, role)); err != nil {
			return err
		}
	}
	if len(batch.Events) == 0 {
		st.heartbeat(batch.Cursor)
	}
	return st.flush()
}

func (s *server) eventBody(e fleet.Event, role Role) any {
	switch e.Type {
	case fleet.EventJob:
		return s.jobBody(*e.Job, role)
	case fleet.EventAgent:
		return agentBody(*e.Agent)
	case fleet.EventRepository:
		return repositoryBody(*e.Repository)
	case fleet.EventRemoved:
		return removedBody(e.Removed)
	}
	return rest.Reset{Reason: "changes were missed"}
}

func removedBody(c store.Changed) rest.Removed {
	switch c.Thing {
	case store.ThingAgent:
		return rest.Removed{AgentID: &c.Agent}
	case store.ThingRepository:
		return rest.Removed{RepositoryID: &c.ID}
	}
	return rest.Removed{JobID: &c.ID}
}
