package definitions

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"borgfleet/shared/job"
)

// place is a way through the file: keys and numbers of entries.
type place []any

func (p place) of(parts ...any) place { return append(slices.Clone(p), parts...) }

func (p place) String() string {
	var b strings.Builder
	for _, part := range p {
		switch part := part.(type) {
		case int:
			fmt.Fprintf(&b, "[%d]", part+1)
		case string:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(part)
		}
	}
	return b.String()
}

// line is that of the place, or of the nearest one around it that is there.
func (p place) line(root *yaml.Node) int {
	n := root
	if n.Kind == yaml.DocumentNode && len(n.Content) > 0 {
		n = n.Content[0]
	}
	line := n.Line
	for _, part := range p {
		if n.Kind == yaml.AliasNode {
			n = n.Alias
		}
		next := below(n, part)
		if next == nil {
			break
		}
		n, line = next, next.Line
	}
	return max(line, 1)
}

func below(n *yaml.Node, part any) *yaml.Node {
	switch part := part.(type) {
	case int:
		if n.Kind == yaml.SequenceNode && part < len(n.Content) {
			return n.Content[part]
		}
	case string:
		for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == part {
				return n.Content[i+1]
			}
		}
	}
	return nil
}

// problems are what is wrong with a file.
type problems []problem

type problem struct {
	at  place
	why string
}

func (p *problems) add(at place, format string, args ...any) {
	*p = append(*p, problem{at, fmt.Sprintf(format, args...)})
}

// mostProblems is as many as a person reads at once.
const mostProblems = 20

func (p problems) err(root *yaml.Node) error {
	if len(p) == 0 {
		return nil
	}
	slices.SortStableFunc(p, func(a, b problem) int { return cmp.Compare(a.at.line(root), b.at.line(root)) })
	var lines []string
	for i, q := range p {
		if i == mostProblems {
			lines = append(lines, fmt.Sprintf("and %d more", len(p)-i))
			break
		}
		lines = append(lines, fmt.Sprintf("line %d: %s: %s", q.at.line(root), q.at, q.why))
	}
	return errors.New(strings.Join(lines, "\n"))
}

// checkName checks the name of an entry as REST does.
func checkName(bad *problems, at place, name string) {
	switch err := job.CheckName(name); {
	case name == "":
		bad.add(at, "the name is missing")
	case strings.ContainsAny(name, "{}"):
		bad.add(at.of("name"), "the name of a repository may have %s in braces, and nothing else; no other name has braces", agentWord)
	case err != nil:
		bad.add(at.of("name"), "%v", err)
	}
}
