package definitions

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"borgfleet/shared/term/cmdline"
)

// Seconds is a span: a number of seconds, as in REST, or words such as 90s, 10m,
// 26h, 7d and 2w.
type Seconds int64

func (s *Seconds) UnmarshalYAML(n *yaml.Node) error {
	var number int64
	if n.Decode(&number) == nil && number >= 0 {
		*s = Seconds(number)
		return nil
	}
	d, err := cmdline.Span(n.Value)
	if err != nil || d%time.Second != 0 || n.Kind != yaml.ScalarNode {
		return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: %q is not a span: write seconds, or 90s, 10m, 26h, 7d, 2w", n.Line, n.Value)}}
	}
	*s = Seconds(d / time.Second)
	return nil
}

// MarshalYAML writes what people read: whole days, hours or minutes where it is so.
func (s Seconds) MarshalYAML() (any, error) {
	for _, unit := range []struct {
		name   string
		length Seconds
	}{{"d", 24 * 60 * 60}, {"h", 60 * 60}, {"m", 60}} {
		if s > 0 && s%unit.length == 0 {
			return strconv.FormatInt(int64(s/unit.length), 10) + unit.name, nil
		}
	}
	return int64(s), nil
}

// Span is the same for Go.
func (s Seconds) Span() time.Duration { return time.Duration(s) * time.Second }

// Secret names where a secret is, on the machine that applies the file.
type Secret struct {
	File string `yaml:"file,omitempty"` // relative: to the folder of the definitions
	Env  string `yaml:"env,omitempty"`
}

// UnmarshalYAML repeats nothing of what stands there: it may be the secret itself.
func (s *Secret) UnmarshalYAML(n *yaml.Node) error {
	wrong := func(n *yaml.Node, why string) error {
		return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: %s", n.Line, why)}}
	}
	if n.Kind != yaml.MappingNode {
		return wrong(n, "a passphrase is never in this file: say where it is, with {file: PATH} or {env: NAME}")
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		into := map[string]*string{"file": &s.File, "env": &s.Env}[n.Content[i].Value]
		if into == nil {
			return wrong(n.Content[i], "a passphrase has the keys file and env, and no others")
		}
		if n.Content[i+1].Decode(into) != nil {
			return wrong(n.Content[i+1], "here must be a text")
		}
	}
	return nil
}

func (s Secret) check(bad *problems, at place) {
	switch {
	case s.File != "" && s.Env != "":
		bad.add(at, "file and env are both given: leave one of them out")
	case s.File == "" && s.Env == "":
		bad.add(at, "it says where the passphrase is: file: PATH or env: NAME")
	case strings.ContainsAny(s.Env, "=\x00{}"):
		bad.add(at.of("env"), "it is not the name of a variable")
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
