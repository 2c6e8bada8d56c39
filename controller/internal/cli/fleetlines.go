package cli

import (
	"fmt"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/shared/job"
	"borgfleet/shared/term"
)

// fleetRows is for programs: a JSON row for everything that there is, and for
// every change.
type fleetRows struct {
	k       *controller
	contact contact
}

type fleetRow struct {
	Event string `json:"event"`
	Data  any    `json:"data"`
}

func (s *fleetRows) heard(f *fleetState, e client.FleetEvent) error {
	if err := s.contact.tell(s.k, f); err != nil {
		return err
	}
	switch {
	case e.Reset:
		return s.everything(f)
	case e.Agent != nil:
		return s.row(rest.EventAgent, e.Agent)
	case e.Job != nil:
		return s.row(rest.EventJob, e.Job)
	case e.Removed != nil:
		return s.row(rest.EventRemoved, e.Removed)
	}
	return nil
}

// everything begins with a reset: what is not told after it is gone.
func (s *fleetRows) everything(f *fleetState) error {
	if err := s.row(rest.EventReset, rest.Reset{Reason: "everything follows"}); err != nil {
		return err
	}
	for _, a := range f.hosts() {
		if err := s.row(rest.EventAgent, a); err != nil {
			return err
		}
	}
	for _, j := range f.jobs() {
		if err := s.row(rest.EventJob, j); err != nil {
			return err
		}
	}
	return nil
}

func (s *fleetRows) row(event string, data any) error { return s.k.out.JSONLine(fleetRow{event, data}) }
func (s *fleetRows) draw(*fleetState) error           { return nil }

// fleetLines is for logs and pipes: a line for each host or job whose state is
// another one than the line before said.
type fleetLines struct {
	k     *controller
	hosts map[string]string // state by id
	jobs  map[int64]string

	contact contact
}

func (s *fleetLines) heard(f *fleetState, e client.FleetEvent) error {
	if err := s.contact.tell(s.k, f); err != nil {
		return err
	}
	switch {
	case e.Reset:
		return s.everything(f)
	case e.Agent != nil:
		return s.host(*e.Agent)
	case e.Job != nil:
		return s.job(*e.Job)
	}
	return nil
}

func (s *fleetLines) everything(f *fleetState) error {
	for _, a := range f.hosts() {
		if err := s.host(a); err != nil {
			return err
		}
	}
	for _, j := range f.jobs() {
		if err := s.job(j); err != nil {
			return err
		}
	}
	return nil
}

func (s *fleetLines) host(a rest.Agent) error {
	state := agentState(a)
	if s.hosts[a.ID] == state {
		return nil
	}
	s.hosts[a.ID] = state
	return s.line("host %s: %s", term.Clean(a.Name), state)
}

func (s *fleetLines) job(j rest.Job) error {
	state := stateOf(j.JobCore)
	if s.jobs[j.ID] == state {
		return nil
	}
	s.jobs[j.ID] = state
	if job.Status(j.Status).Final() {
		delete(s.jobs, j.ID)
		if about := remark(j.JobCore); about != "" {
			state += ": " + about
		}
	}
	return s.line("job %d: %s of %s on %s: %s", j.ID, j.Kind, term.Clean(j.Repository), term.Clean(j.Agent), term.Clean(state))
}

func (s *fleetLines) line(format string, args ...any) error {
	return s.k.out.Printf("%s  %s\n", term.Time(s.k.now()), fmt.Sprintf(format, args...))
}

func (s *fleetLines) draw(*fleetState) error { return nil }

// contact says when the controller goes away, and when it is there again.
type contact struct{ away bool }

func (c *contact) tell(k *controller, f *fleetState) error {
	if c.away == (f.away != nil) {
		return nil
	}
	if c.away = f.away != nil; c.away {
		return k.err.Printf("%s\n", awayNote(f))
	}
	return k.err.Printf("The controller answers again.\n")
}

// awayNote says that what is shown may be old.
func awayNote(f *fleetState) string {
	return fmt.Sprintf("No answer since %s; it is tried again: %s", term.Time(f.since), term.Clean(f.away.Error()))
}
