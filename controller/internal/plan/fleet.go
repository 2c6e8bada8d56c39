package plan

import (
	"slices"
	"strings"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/shared/definitions"
)

// Fleet is what there is.
type Fleet struct {
	Agents       []rest.Agent
	Repositories []client.Fields
	Schedules    []client.Fields
	Channels     []Channel
	Rules        []rest.Rule
	Users        []rest.User
	Me           string // who asks: that one's role is the last to become less
	// Other are the secrets that the fleet has otherwise than the file, by their
	// fields.
	Other map[Subject][]string

	index
}

// Channel is one with what is told of its settings.
type Channel struct {
	rest.Channel
	Settings rest.ChannelSettings
}

// sorted is the same by names: in which order it was asked for is no matter.
func (f Fleet) sorted() Fleet {
	f.Repositories = byName(f.Repositories, func(r client.Fields) string {
		return word(r["agent"]) + "\x00" + word(r["name"]) + "\x00" + word(r["path"])
	})
	f.Schedules = byName(f.Schedules, func(s client.Fields) string { return word(s["name"]) })
	f.Channels = byName(f.Channels, func(c Channel) string { return c.Name })
	f.Rules = byName(f.Rules, func(r rest.Rule) string { return r.Name })
	f.Users = byName(f.Users, func(u rest.User) string { return u.Name })
	return f
}

func byName[T any](all []T, name func(T) string) []T {
	return slices.SortedStableFunc(slices.Values(all), func(a, b T) int { return strings.Compare(name(a), name(b)) })
}

// is says whether there is a host that can be given anything.
func (f Fleet) is(id string) bool {
	a, there := f.agents[id]
	return there && !a.Revoked
}

func (f Fleet) nameOf(id string) string { return f.agents[id].Name }

// hosts are the agents that can be given anything.
func (f Fleet) hosts() []definitions.Agent {
	var out []definitions.Agent
	for _, a := range f.Agents {
		if !a.Revoked {
			out = append(out, definitions.Agent{ID: a.ID, Name: a.Name, Labels: a.Labels})
		}
	}
	return out
}
