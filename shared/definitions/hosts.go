package definitions

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"borgfleet/shared/job"
)

// agentWord stands for the name of the host that an entry is used for.
const agentWord = "{agent}"

// For says for which hosts an entry is: by a label, or by their names.
type For struct {
	Label  string   `yaml:"label,omitempty"` // key=value
	Agents []string `yaml:"agents,omitempty,flow"`
}

// UnmarshalYAML says how it is written to whom the label alone seemed enough.
func (f *For) UnmarshalYAML(n *yaml.Node) error {
	switch {
	case n.Kind == yaml.ScalarNode && strings.Contains(n.Value, "="):
		return wrong(n, "write for: {label: %s}", n.Value)
	case n.Kind != yaml.MappingNode:
		return wrong(n, "write for: {label: KEY=VALUE}, or for: {agents: [NAME, …]}")
	}
	return section(n, "for has", map[string]any{"label": &f.Label, "agents": &f.Agents})
}

// Agent is a host of the fleet.
type Agent struct {
	ID     string
	Name   string
	Labels map[string]string
}

// On is what an entry defines on one host.
type On struct {
	Agent
	Repository
	Entry int // of the file
}

func (r Repository) checkHosts(bad *problems, at place) {
	if r.For == nil {
		if r.Shared {
			bad.add(at.of("shared"), "it is for an entry with for, which several hosts use")
		}
		return
	}
	at2 := at.of("for")
	switch {
	case r.Agent != "":
		bad.add(at2, "agent and for are both given: leave one of them out")
	case r.For.Label != "" && len(r.For.Agents) > 0:
		bad.add(at2, "label and agents are both given: leave one of them out")
	case r.For.Label == "" && len(r.For.Agents) == 0:
		bad.add(at2, "it says for no host: give label: KEY=VALUE, or agents: [NAME, …]")
	case r.For.Label != "":
		if key, _, ok := strings.Cut(r.For.Label, "="); !ok || key == "" {
			bad.add(at.of("for", "label"), "%q is not a label: write KEY=VALUE, such as role=web", r.For.Label)
		}
	}
	if r.Shared {
		r.checkShared(bad, at)
		return
	}
	_, local := job.NormalPath(r.Path)
	if !local && len(r.For.Agents) != 1 && !strings.Contains(r.Path, agentWord) {
		bad.add(at.of("path"), "several hosts would write into this one repository: put %s where the host's name is to stand, or say shared: true if that is meant", agentWord)
	}
}

// Named finds hosts by name or id.
func Named(fleet []Agent) func(ref string) (Agent, error) {
	by := map[string]Agent{}
	for _, a := range fleet {
		by[a.ID] = a
	}
	for _, a := range fleet {
		by[a.Name] = a
	}
	return func(ref string) (Agent, error) {
		if a, ok := by[ref]; ok {
			return a, nil
		}
		return Agent{}, fmt.Errorf("no host of the fleet has the name or id %q", ref)
	}
}

// hosts are those of the fleet that the entry is for.
func (r Repository) hosts(fleet []Agent, named func(string) (Agent, error)) ([]Agent, error) {
	switch {
	case r.For == nil && r.Agent != "":
		a, err := named(r.Agent)
		return []Agent{a}, err
	case r.For == nil && len(fleet) == 1:
		return fleet, nil
	case r.For == nil:
		return nil, fmt.Errorf("this fleet has %d hosts: say with agent or for which of them it is for", len(fleet))
	}
	var out []Agent
	for _, ref := range r.For.Agents {
		a, err := named(ref)
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	key, value, ok := strings.Cut(r.For.Label, "=")
	for _, a := range fleet {
		if has, there := a.Labels[key]; ok && there && has == value {
			out = append(out, a)
		}
	}
	return out, nil
}

// On gives what the entries define, host by host. A label that no host has is
// no error: hosts may come.
func (f File) On(fleet []Agent) ([]On, error) {
	var out []On
	made := map[[2]string]string{} // host, path or name: the entry that it is of
	named := Named(fleet)
	for i, r := range f.Repositories {
		hosts, err := r.hosts(fleet, named)
		if err != nil {
			return nil, fmt.Errorf("repository %s: %w", r.Name, err)
		}
		for _, a := range hosts {
			def := r.on(a)
			if err := job.CheckName(def.Name); err != nil {
				return nil, fmt.Errorf("repository %s: its name on %s, %q: %w", r.Name, a.Name, def.Name, err)
			}
			for _, what := range []string{def.Path, def.Name} {
				key := [2]string{a.ID, what}
				if other, twice := made[key]; twice {
					return nil, fmt.Errorf("repository %s: on %s it would be %s, and so would %s above it", r.Name, a.Name, what, other)
				}
				made[key] = r.Name
			}
			out = append(out, On{Agent: a, Repository: def, Entry: i})
		}
	}
	return out, nil
}

// on is the entry for one host.
func (r Repository) on(a Agent) Repository {
	r.Agent, r.For = a.Name, nil
	r.Name = strings.ReplaceAll(r.Name, agentWord, a.Name)
	r.Path = strings.ReplaceAll(r.Path, agentWord, a.Name)
	r.MatchArchives = strings.ReplaceAll(r.MatchArchives, agentWord, job.NameInArchive(a.Name))
	if r.Passphrase != nil {
		p := *r.Passphrase
		p.File = strings.ReplaceAll(p.File, agentWord, a.Name)
		r.Passphrase = &p
	}
	return r
}
