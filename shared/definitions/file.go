package definitions

import (
	"fmt"
	"os"

	"go.yaml.in/yaml/v3"

	"borgfleet/shared/strictyaml"
)

// File is what one file says.
type File struct {
	Repositories []Repository `yaml:"repositories,omitempty"`
	Schedules    []Schedule   `yaml:"schedules,omitempty"`
}

// mostFile is far more than any fleet has to say.
const mostFile = 16 << 20

// Load reads a file.
func Load(name string) (File, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return File{}, fmt.Errorf("read definitions: %w", err)
	}
	f, err := Parse(data)
	if err != nil {
		return File{}, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}

// Parse reads the content of a file, and says what is wrong with it and where.
func Parse(data []byte) (File, error) {
	if len(data) > mostFile {
		return File{}, fmt.Errorf("it has %d bytes; at most %d are taken", len(data), mostFile)
	}
	var f File
	if err := strictyaml.Decode(data, &f); err != nil {
		return File{}, err
	}
	var root yaml.Node
	if err := yaml.Unmarshal(data, &root); err != nil {
		return File{}, strictyaml.Plain(err)
	}
	var bad problems
	f.check(&bad)
	return f, bad.err(&root)
}

func (f File) check(bad *problems) {
	names := map[string]bool{}
	for i, r := range f.Repositories {
		at := place{"repositories", i}
		r.check(bad, at)
		if names[r.Name] && r.Name != "" {
			bad.add(at.of("name"), "a repository above has the name %s already", r.Name)
		}
		names[r.Name] = true
	}
	names = map[string]bool{}
	for i, s := range f.Schedules {
		at := place{"schedules", i}
		s.check(bad, at)
		if names[s.Name] && s.Name != "" {
			bad.add(at.of("name"), "a schedule above has the name %s already", s.Name)
		}
		names[s.Name] = true
	}
}
