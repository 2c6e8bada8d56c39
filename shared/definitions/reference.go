package definitions

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// Reference names repositories: as entries of the file do, or as the fleet does. With
// {agent} in it, one is all that the entry makes. Agent takes one host's of them.
type Reference struct {
	Name  string
	Agent string
}

// References are what a schedule or a rule is for.
type References []Reference

// UnmarshalYAML takes a list of names, or of sections with a name and a host.
func (r *References) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.SequenceNode {
		return wrong(n, "here must be a list of names of repositories")
	}
	for _, e := range n.Content {
		var one Reference
		if err := e.Decode(&one); err != nil {
			return err
		}
		*r = append(*r, one)
	}
	return nil
}

// UnmarshalYAML takes a name, or a section.
func (r *Reference) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.MappingNode && len(n.Content) == 2 && "{"+n.Content[0].Value+"}" == agentWord && n.Content[1].Tag == "!!null" {
		return wrong(n, "%s must be in quotes: %q", agentWord, agentWord)
	}
	if n.Kind == yaml.MappingNode {
		return section(n, "a repository is named by", map[string]any{"name": &r.Name, "agent": &r.Agent})
	}
	if n.Decode(&r.Name) != nil {
		return wrong(n, "here must be the name of a repository, or {name: NAME, agent: HOST}")
	}
	return nil
}

// MarshalYAML writes a name where that says it all.
func (r Reference) MarshalYAML() (any, error) {
	if r.Agent == "" {
		return r.Name, nil
	}
	word := func(s string, style yaml.Style) *yaml.Node {
		return &yaml.Node{Kind: yaml.ScalarNode, Value: s, Style: style}
	}
	return &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle, Content: []*yaml.Node{
		word("name", 0), word(r.Name, yaml.DoubleQuotedStyle), word("agent", 0), word(r.Agent, yaml.DoubleQuotedStyle),
	}}, nil
}

// String is how people call it.
func (r Reference) String() string {
	if r.Agent == "" {
		return r.Name
	}
	return r.Name + " on " + r.Agent
}

// Takes says whether it is for what an entry defines on a host.
func (r Reference) Takes(a Agent) bool { return r.Agent == "" || r.Agent == a.Name || r.Agent == a.ID }

func (r References) check(bad *problems, at place) {
	for i, one := range r {
		if strings.TrimSpace(one.Name) == "" {
			bad.add(at.of(i), "it is empty")
		}
	}
}
