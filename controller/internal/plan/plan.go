package plan

import (
	"fmt"
	"slices"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/shared/definitions"
)

// Action is what is to be done about an entry.
type Action string

const (
	Create    Action = "create"
	TakeOver  Action = "take over" // a repository that is there
	Update    Action = "change"
	Unchanged Action = "unchanged"
)

// Subject is what a change is about.
type Subject struct{ What, Name string }

// Change is what is to be done about a repository on its host, or about an entry of
// anything else.
type Change struct {
	What        string       `json:"what"` // repository, maintainer, channel, schedule, rule or user
	Name        string       `json:"name"`
	Agent       string       `json:"agent,omitempty"` // of a repository
	Action      Action       `json:"action"`
	ID          int64        `json:"id,omitempty"` // of what is there
	Differences []Difference `json:"differences,omitempty"`
	// Unscheduled are the repositories that a schedule loses and that no other one that
	// runs has, by the names that people know.
	Unscheduled []string      `json:"unscheduled,omitempty"`
	Fields      client.Fields `json:"-"` // what is sent

	// Secrets say where fields are that are sent, too. A repository's passphrase, which
	// is sealed first, is none of them.
	Secrets map[string]definitions.Secret `json:"-"`

	Repository *definitions.Repository `json:"-"` // as it is on its host
	Host       rest.Agent              `json:"-"`
	Uses       []Use                   `json:"-"` // repositories of a schedule or rule; nil: they stay
	Channels   []Use                   `json:"-"` // of a rule; nil: they stay
}

// Idle is one that is for no host; There: it was made when it was for one.
type Idle struct {
	Subject
	There bool
}

// Subject is what it is about.
func (c Change) Subject() Subject { return Subject{c.What, c.Name} }

// secrets has those sent that the fleet has otherwise; given are those that it has.
// It is the last look at something that is there.
func (c *Change) secrets(all map[string]definitions.Secret, given map[string]bool, fleet Fleet) {
	c.Secrets = map[string]definitions.Secret{}
	for _, field := range fleet.Other[c.Subject()] {
		d := Difference{field, nil, "another secret"}
		if given[field] {
			d.Old = "a secret"
		}
		c.Secrets[field] = all[field]
		c.Differences = append(c.Differences, d)
	}
	if len(c.Differences) > 0 {
		c.Action = Update
	}
}

// Plan is all that is to be done, in the order in which it is done: what is named
// comes before what names it.
type Plan struct {
	Changes []Change
	// Idle are schedules and rules that are for no host now. They are not made, and
	// those that are there stay as they are.
	Idle []Idle
	// Unmatched are entries of repositories whose label no host has.
	Unmatched []definitions.Repository
	// Unlabelled are labels of rules that no host has.
	Unlabelled []RuleLabel
}

// RuleLabel is a label that a rule names.
type RuleLabel struct{ Rule, Label string }

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
	fleet = fleet.indexed()
	on, err := f.On(fleet.hosts())
	if err != nil {
		return Plan{}, err
	}
	var p Plan
	matched := map[int]bool{}
	for _, o := range on {
		c, err := repository(o, fleet)
		if err != nil {
			return Plan{}, fmt.Errorf("repository %s: %w", o.Repository.Name, err)
		}
		p.Changes = append(p.Changes, c)
		matched[o.Entry] = true
	}
	for i, r := range f.Repositories {
		if !matched[i] {
			p.Unmatched = append(p.Unmatched, r)
		}
	}
	find := newFinder(f, on, p.Changes, fleet)
	for _, part := range []func(definitions.File, Fleet, finder) error{p.maintainers, p.channels, p.schedules, p.rules, p.users} {
		if err := part(f, fleet, find); err != nil {
			return Plan{}, err
		}
	}
	return p, nil
}
