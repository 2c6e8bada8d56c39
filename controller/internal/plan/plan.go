package plan

import (
	"fmt"
	"slices"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/shared/definitions"
)

// Fleet is what there is.
type Fleet struct {
	Agents       []rest.Agent
	Repositories []client.Fields
	Schedules    []client.Fields
}

// Action is what is to be done about an entry.
type Action string

const (
	Create    Action = "create"
	TakeOver  Action = "take over" // a repository that is there
	Update    Action = "change"
	Unchanged Action = "unchanged"
)

// Change is what is to be done about one repository or schedule.
type Change struct {
	What        string        `json:"what"` // repository or schedule
	Name        string        `json:"name"`
	Agent       string        `json:"agent,omitempty"` // of a repository
	Action      Action        `json:"action"`
	ID          int64         `json:"id,omitempty"` // of what is there
	Differences []Difference  `json:"differences,omitempty"`
	Fields      client.Fields `json:"-"` // what is sent

	Repository *definitions.Repository `json:"-"` // as it is on its host
	Host       rest.Agent              `json:"-"`
	Uses       []Use                   `json:"-"` // of a schedule
}

// Use is a repository that a schedule backs up: one that is there, or one that
// another change makes.
type Use struct {
	ID    int64
	Agent string // id
	Path  string
	Name  string // for people: with its host
}

// Plan is all that is to be done, repositories first.
type Plan struct {
	Changes []Change
	// Idle are schedules that no host is for yet. They are not made.
	Idle []string
	// Unmatched are entries of repositories whose label no host has.
	Unmatched []definitions.Repository
}

// Some says whether anything is to be done.
func (p Plan) Some() bool {
	return slices.ContainsFunc(p.Changes, func(c Change) bool { return c.Action != Unchanged })
}

// Count is how many changes are of an action.
func (p Plan) Count(a Action) (n int) {
	for _, c := range p.Changes {
		if c.Action == a {
			n++
		}
	}
	return n
}

// Make compares. What the file does not name stays as it is: nothing is deleted.
func Make(f definitions.File, fleet Fleet) (Plan, error) {
	on, err := f.On(hosts(fleet.Agents))
	if err != nil {
		return Plan{}, err
	}
	var p Plan
	for _, o := range on {
		c, err := repository(o, fleet)
		if err != nil {
			return Plan{}, fmt.Errorf("repository %s: %w", o.Repository.Name, err)
		}
		p.Changes = append(p.Changes, c)
	}
	for i, r := range f.Repositories {
		if !slices.ContainsFunc(on, func(o definitions.On) bool { return o.Entry == i }) {
			p.Unmatched = append(p.Unmatched, r)
		}
	}
	made := slices.Clone(p.Changes)
	for _, s := range f.Schedules {
		uses, err := usesOf(s, f, on, made, fleet)
		if err != nil {
			return Plan{}, fmt.Errorf("schedule %s: %w", s.Name, err)
		}
		if len(uses) == 0 {
			p.Idle = append(p.Idle, s.Name)
			continue
		}
		p.Changes = append(p.Changes, scheduled(s, uses, fleet))
	}
	return p, nil
}

// hosts are the agents that can be given anything.
func hosts(agents []rest.Agent) []definitions.Agent {
	var out []definitions.Agent
	for _, a := range agents {
		if !a.Revoked {
			out = append(out, definitions.Agent{ID: a.ID, Name: a.Name, Labels: a.Labels})
		}
	}
	return out
}
