package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/shared/definitions"
)

func (p *Plan) rules(f definitions.File, fleet Fleet, find finder) error {
	for _, def := range f.Rules() {
		for _, label := range def.Labels {
			if !fleet.has(label) {
				p.Unlabelled = append(p.Unlabelled, RuleLabel{def.Name, label})
			}
		}
		c, err := rule(def, f, fleet, find)
		switch {
		case err != nil:
			return fmt.Errorf("rule %s: %w", def.Name, err)
		case len(c.Uses) == 0 && len(def.Repositories) > 0:
			// Made without them it would be for all.
			p.Idle = append(p.Idle, Idle{c.Subject(), c.ID != 0})
		default:
			p.Changes = append(p.Changes, c)
		}
	}
	return nil
}

// has says whether some host that can be given anything has the label.
func (f Fleet) has(label string) bool {
	key, value, _ := strings.Cut(label, "=")
	return slices.ContainsFunc(f.hosts(), func(a definitions.Agent) bool {
		has, there := a.Labels[key]
		return there && has == value
	})
}

// rule says what is to be done about a rule.
func rule(def definitions.Rule, f definitions.File, fleet Fleet, find finder) (Change, error) {
	c := Change{What: "rule", Name: def.Name, Action: Create}
	uses, err := find.uses(def.Repositories)
	if err != nil {
		return c, err
	}
	// Never nil: what is named is sent with every change. Of a rule that names something
	// that is gone REST takes nothing else.
	c.Uses = append([]Use{}, uses...)
	if c.Channels, err = channelsOf(def, f, fleet); err != nil {
		return c, err
	}
	agents, err := fleet.agentsOf(def)
	if err != nil {
		return c, err
	}
	c.Fields = client.Fields{"name": def.Name, "events": list(def.Events), "kinds": list(def.Kinds), "labels": list(def.Labels), "agents": list(agents)}
	if def.Enabled != nil {
		c.Fields["enabled"] = *def.Enabled
	}
	at := slices.IndexFunc(fleet.Rules, func(r rest.Rule) bool { return r.Name == def.Name })
	if at < 0 {
		return c, nil
	}
	have := fleet.Rules[at]
	c.ID, c.Action = have.ID, Unchanged
	if c.Differences = fleet.ruleDifferences(have, c); len(c.Differences) > 0 {
		c.Action = Update
	}
	return c, nil
}

// ruleDifferences compares a rule with a change that would make it anew. The order of
// its lists means nothing, and what it names is told by names. A host that was revoked
// or is gone is no difference, unless it is all that is there.
func (f Fleet) ruleDifferences(have rest.Rule, c Change) []Difference {
	want := client.Fields{}
	for field, v := range c.Fields {
		if all, ok := v.([]string); ok {
			v = sorted(all)
		}
		want[field] = v
	}
	want["agents"] = f.names(f.there(c.Fields["agents"].([]string)))
	out := differences(client.Fields{
		"name": have.Name, "enabled": have.Enabled, "events": sorted(have.Events), "kinds": sorted(have.Kinds), "labels": sorted(have.Labels), "agents": f.names(f.there(have.Agents)),
	}, want)
	var repositories, channels, wanted []any
	for _, id := range have.Repositories {
		repositories = append(repositories, float64(id))
	}
	if d, other := f.otherUses(repositories, c.Uses); other {
		out = append(out, d)
	}
	for _, id := range have.Channels {
		channels = append(channels, f.channelName(id))
	}
	same := len(channels) == len(c.Channels)
	for _, u := range c.Channels {
		wanted = append(wanted, u.Name)
		same = same && slices.Contains(channels, any(u.Name))
	}
	if !same {
		out = append(out, Difference{"channels", channels, wanted})
	}
	return out
}

func sorted(all []string) []string { return slices.Sorted(slices.Values(all)) }

// standing are those hosts that can be given anything, and those that were revoked.
// What is gone is neither.
func (f Fleet) standing(ids []string) (here, revoked []string) {
	for _, id := range ids {
		switch {
		case f.is(id):
			here = append(here, id)
		case f.nameOf(id) != "":
			revoked = append(revoked, id)
		}
	}
	return here, revoked
}

// there are those hosts that stand, if any does: nothing would be for all.
func (f Fleet) there(ids []string) []string {
	if here, _ := f.standing(ids); len(here) > 0 {
		return here
	}
	return ids
}

// names are those of hosts, and the id of one that is gone.
func (f Fleet) names(ids []string) []string {
	var out []string
	for _, id := range ids {
		out = append(out, cmp.Or(f.nameOf(id), id))
	}
	return sorted(out)
}

func (f Fleet) channelName(id int64) string {
	for _, c := range f.Channels {
		if c.ID == id {
			return c.Name
		}
	}
	return fmt.Sprint("id ", id)
}

// channelsOf are the channels that a rule names, of the file or of the fleet.
func channelsOf(def definitions.Rule, f definitions.File, fleet Fleet) ([]Use, error) {
	var out []Use
	for _, name := range def.Channels {
		u := Use{Name: name}
		for _, c := range fleet.Channels {
			if c.Name == name {
				u.ID = c.ID
			}
		}
		if u.ID == 0 && !slices.ContainsFunc(f.Channels(), func(c definitions.Channel) bool { return c.Name == name }) {
			return nil, fmt.Errorf("neither the file nor the fleet has a channel %s", name)
		}
		out = append(out, u)
	}
	return out, nil
}

// agentsOf are the ids of the hosts that a rule names; one that was revoked has its
// id only.
func (f Fleet) agentsOf(def definitions.Rule) ([]string, error) {
	var out []string
	for _, ref := range def.Agents {
		a, err := f.named(ref)
		id := cmp.Or(a.ID, f.agents[ref].ID)
		if id == "" {
			return nil, err
		}
		out = append(out, id)
	}
	return out, nil
}
