package fleet

import (
	"context"

	"connectrpc.com/connect"

	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/wire"
)

// serveWatch streams the desired state: everything first, then whatever
// changed since the last message. Changes are marks, not a queue: each message
// reads the values as they are when it is sent, so a slow agent gets fewer and
// fresher messages, never a backlog.
func (s *Service) serveWatch(ctx context.Context, req *fleetv1.WatchRequest, out *connect.ServerStream[fleetv1.WatchResponse]) error {
	id, err := caller(ctx)
	if err != nil {
		return err
	}
	se, err := s.current(id.AgentID, req.Epoch)
	if err != nil {
		return err
	}
	if !se.open(&se.watching) {
		return errNewEpoch
	}
	if err := out.Send(s.snapshot(se)); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-se.ctx.Done():
			return context.Cause(se.ctx)
		case <-se.watchWake:
		}
		if err := s.admit(id); err != nil {
			return err
		}
		if m := s.nextChange(se); m != nil {
			if err := out.Send(m); err != nil {
				return err
			}
		}
	}
}

// snapshot says everything. Marks that were set before are covered by it.
func (s *Service) snapshot(se *session) *fleetv1.WatchResponse {
	se.mu.Lock()
	clear(se.orders)
	clear(se.repos)
	se.resnapshot = false
	se.mu.Unlock()
	m := se.nextRevision(s) // after that: a snapshot that is asked for from now on is another one
	m.Snapshot = true
	m.RecoveryRecipient = s.recoveryRecipient()
	for _, j := range s.store.Active(se.agent) {
		if j.Wanted() {
			m.Orders = append(m.Orders, s.orderFor(j))
		}
	}
	for _, r := range s.store.RepositoriesOf(se.agent) {
		m.Repositories = append(m.Repositories, s.definition(r))
	}
	for _, h := range s.store.HeldBy(se.agent) {
		if h.Settled {
			m.SettledRepositories = append(m.SettledRepositories, h.Repository.ID)
		}
	}
	return m
}

// nextChange says what changed; nil if nothing did.
func (s *Service) nextChange(se *session) *fleetv1.WatchResponse {
	se.mu.Lock()
	again := se.resnapshot
	orders, repos := se.orders, se.repos
	if !again {
		se.orders, se.repos = map[int64]struct{}{}, map[int64]struct{}{}
	}
	se.mu.Unlock()
	if again {
		return s.snapshot(se)
	}
	var m fleetv1.WatchResponse
	for id := range orders {
		j, ok, err := s.store.Job(id)
		if err != nil || !ok || !j.Wanted() {
			continue // ended meanwhile: its answer says so
		}
		m.Orders = append(m.Orders, s.orderFor(j))
	}
	for id := range repos {
		if r, ok := s.store.Repository(id); ok && r.Agent == se.agent {
			m.Repositories = append(m.Repositories, s.definition(r))
		} else {
			m.RemovedRepositories = append(m.RemovedRepositories, id)
		}
	}
	if len(m.Orders)+len(m.Repositories)+len(m.RemovedRepositories) == 0 {
		return nil
	}
	head := se.nextRevision(s)
	head.Orders, head.Repositories, head.RemovedRepositories = m.Orders, m.Repositories, m.RemovedRepositories
	return head
}

// definition is what a host is told of a repository. One that is not set up has
// no schedules yet.
func (s *Service) definition(r store.Repository) *fleetv1.Repository {
	m := wire.FromRepository(r.Repository)
	if r.Status == store.RepositoryReady {
		m.Schedules = wire.FromSchedules(s.store.SchedulesOf(r.ID))
	}
	return m
}

func (se *session) nextRevision(s *Service) *fleetv1.WatchResponse {
	se.mu.Lock()
	defer se.mu.Unlock()
	se.revision++
	if se.unconfirmed.IsZero() {
		se.unconfirmed = s.now()
	}
	return &fleetv1.WatchResponse{Revision: se.revision, StoreId: s.store.ID()}
}

// orderFor is what the agent is to do about a job. A job that runs on the
// agent's own authority is ordered too: that is how the agent hears that it
// has been taken in.
func (s *Service) orderFor(j job.Job) *fleetv1.Order {
	o := &fleetv1.Order{Key: j.Key[:], Id: j.ID, Spec: wire.FromSpec(j.Spec), Desired: fleetv1.Order_DESIRED_UNSPECIFIED}
	switch {
	case j.CancelRequested:
		o.Desired = fleetv1.Order_DESIRED_CANCEL
	case j.Sent:
		o.Desired = fleetv1.Order_DESIRED_RUN
		if j.Spec.Kind == job.Compact {
			o.Expected = s.expectedFor(j)
		}
	}
	return o
}
