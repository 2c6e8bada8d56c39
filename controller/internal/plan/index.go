package plan

import (
	"strings"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/shared/definitions"
)

// index finds what a fleet has without looking at all of it: a file can name each of
// ten thousand repositories, and more than once.
type index struct {
	agents       map[string]rest.Agent                       // by id
	named        func(ref string) (definitions.Agent, error) // those that can be given anything, by name or id
	of           map[string][]client.Fields                  // repositories, by the id of their host
	repositories map[int64]client.Fields                     // by id
	under        map[definitions.Reference][]client.Fields   // those that count: by name, and by that with a host's name or id
	schedules    map[string]client.Fields                    // by name
}

// indexed is the same with its index.
func (f Fleet) indexed() Fleet {
	f.index = index{
		agents: map[string]rest.Agent{}, of: map[string][]client.Fields{}, repositories: map[int64]client.Fields{},
		under: map[definitions.Reference][]client.Fields{}, schedules: map[string]client.Fields{},
	}
	for _, a := range f.Agents {
		f.agents[a.ID] = a
	}
	f.named = definitions.Named(f.hosts())
	for _, r := range f.Repositories {
		host := word(r["agent_id"])
		f.of[host] = append(f.of[host], r)
		f.repositories[number(r["id"])] = r
		if !f.counts(r) {
			continue
		}
		for _, agent := range []string{"", host, word(r["agent"])} {
			ref := definitions.Reference{Name: word(r["name"]), Agent: agent}
			f.under[ref] = append(f.under[ref], r)
		}
	}
	for _, s := range f.Schedules {
		f.schedules[word(s["name"])] = s
	}
	return f
}

// meant are the repositories that a reference names, with {agent} in it for their host.
func (f Fleet) meant(ref definitions.Reference) []client.Fields {
	if !strings.Contains(ref.Name, "{agent}") {
		return f.under[ref]
	}
	if ref.Agent != "" {
		a, err := f.named(ref.Agent)
		if err != nil {
			return nil // without a host it would be of all
		}
		return f.meantOn(a, ref)
	}
	var out []client.Fields
	for _, a := range f.hosts() {
		out = append(out, f.meantOn(a, ref)...)
	}
	return out
}

func (f Fleet) meantOn(a definitions.Agent, ref definitions.Reference) []client.Fields {
	return f.under[definitions.Reference{Name: strings.ReplaceAll(ref.Name, "{agent}", a.Name), Agent: a.ID}]
}
