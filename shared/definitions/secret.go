package definitions

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Secret names where a secret is, on the machine that applies the file.
type Secret struct {
	File string `yaml:"file,omitempty"` // relative: to the folder of the definitions
	Env  string `yaml:"env,omitempty"`
}

// UnmarshalYAML repeats nothing of what stands there: it may be the secret itself.
func (s *Secret) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.MappingNode {
		return wrong(n, "a secret is never in this file: say where it is, with {file: PATH} or {env: NAME}")
	}
	return section(n, "a secret has", map[string]any{"file": &s.File, "env": &s.Env})
}

// section reads one that has these keys and no others, texts or lists of them. It
// repeats nothing of what stands there.
func section(n *yaml.Node, whoHas string, into map[string]any) error {
	for i := 0; i+1 < len(n.Content); i += 2 {
		to, value := into[n.Content[i].Value], n.Content[i+1]
		if to == nil {
			return wrong(n.Content[i], "%s the keys %s, and no others", whoHas, strings.Join(slices.Sorted(maps.Keys(into)), " and "))
		}
		if value.Decode(to) == nil {
			continue
		}
		switch _, list := to.(*[]string); {
		case value.Kind == yaml.MappingNode:
			return wrong(value, "here must be a text; one with %s in it must be in quotes: %q", agentWord, agentWord)
		case list:
			return wrong(value, "here must be a list of texts")
		}
		return wrong(value, "here must be a text")
	}
	return nil
}

// wrong is an error as the YAML reader makes them.
func wrong(n *yaml.Node, why string, args ...any) error {
	return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: %s", n.Line, fmt.Sprintf(why, args...))}}
}

// check says what is wrong with where what is.
func (s Secret) check(bad *problems, at place, what string) {
	switch {
	case s.File != "" && s.Env != "":
		bad.add(at, "file and env are both given: leave one of them out")
	case s.File == "" && s.Env == "":
		bad.add(at, "it says where the %s is: file: PATH or env: NAME", what)
	case strings.ContainsAny(s.Env, "=\x00{}"):
		bad.add(at.of("env"), "it is not the name of a variable")
	}
}

// checkOne is check for a secret that is the same for all hosts.
func (s Secret) checkOne(bad *problems, at place, what string) {
	s.check(bad, at, what)
	if strings.Contains(s.File, agentWord) {
		bad.add(at.of("file"), "%s stands for a host in the files of passphrases; there is one %s here", agentWord, what)
	}
}

// FileFrom is the file's path for somebody who is in another folder than the
// definitions.
func (s Secret) FileFrom(folder string) string {
	if s.File == "" || filepath.IsAbs(s.File) {
		return s.File
	}
	return filepath.Join(folder, s.File)
}
