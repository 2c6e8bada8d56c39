package definitions

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"

	"go.yaml.in/yaml/v3"

	"borgfleet/shared/strictyaml"
)

// File is what one file says.
type File struct {
	Repositories  []Repository   `yaml:"repositories,omitempty"`
	Schedules     []Schedule     `yaml:"schedules,omitempty"`
	Notifications *Notifications `yaml:"notifications,omitempty"`
	Users         []User         `yaml:"users,omitempty"`
}

// Channels are those of the notifications.
func (f File) Channels() []Channel {
	if f.Notifications == nil {
		return nil
	}
	return f.Notifications.Channels
}

// Rules are those of the notifications.
func (f File) Rules() []Rule {
	if f.Notifications == nil {
		return nil
	}
	return f.Notifications.Rules
}

// mostFile is far more than any fleet has to say.
const mostFile = 16 << 20

// Load reads a file.
func Load(name string) (File, error) {
	in, err := os.Open(name)
	if err != nil {
		return File{}, fmt.Errorf("read definitions: %w", err)
	}
	defer in.Close()
	return Read(in, name)
}

// Read reads what in has; name is what people call it. A device or a pipe can have
// more than there is memory, so no more is read than is taken.
func Read(in io.Reader, name string) (File, error) {
	data, err := io.ReadAll(io.LimitReader(in, mostFile+1))
	if err != nil {
		return File{}, fmt.Errorf("read definitions from %s: %w", name, err)
	}
	if len(data) > mostFile {
		return File{}, fmt.Errorf("%s: it has more than %d MiB, which is more than is taken; is it the right file?", name, mostFile>>20)
	}
	f, err := Parse(data)
	if err != nil {
		return File{}, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}

// Parse reads the content of a file, and says what is wrong with it and where.
func Parse(data []byte) (File, error) {
	var f File
	if err := strictyaml.Decode(data, &f); err != nil {
		return File{}, err
	}
	var root yaml.Node
	if err := yaml.Unmarshal(data, &root); err != nil {
		return File{}, strictyaml.Plain(err)
	}
	if empty(root) {
		return File{}, errors.New("there is nothing in it: has what was to write it failed? A file that defines nothing, and means it, is {}")
	}
	var bad problems
	f.check(&bad)
	return f, bad.err(&root)
}

// empty says whether there is nothing but comments: what a command leaves that failed.
// {} is no such thing: it is what an export of an empty fleet is.
func empty(root yaml.Node) bool {
	return root.Kind == 0 || len(root.Content) == 1 && root.Content[0].Tag == "!!null"
}

func (f File) check(bad *problems) {
	checkRepositories(f.Repositories, bad)
	checkNamed(bad, place{"schedules"}, "schedule", f.Schedules, func(s Schedule) string { return s.Name }, Schedule.check)
	checkNamed(bad, place{"notifications", "channels"}, "channel", f.Channels(), func(c Channel) string { return c.Name }, Channel.check)
	checkNamed(bad, place{"notifications", "rules"}, "rule", f.Rules(), func(r Rule) string { return r.Name }, Rule.check)
	checkNamed(bad, place{"users"}, "user", f.Users, func(u User) string { return u.Name }, User.check)
}

// checkNamed checks entries, whose names must differ.
func checkNamed[T any](bad *problems, at place, what string, all []T, name func(T) string, check func(T, *problems, place)) {
	names := map[string]bool{}
	for i, one := range all {
		check(one, bad, at.of(i))
		if n := name(one); n != "" && names[n] {
			bad.add(at.of(i, "name"), "a %s above has the name %s already", what, n)
		}
		names[name(one)] = true
	}
}

// checkRepositories: entries of one name must each be one host's.
func checkRepositories(all []Repository, bad *problems) {
	named, of := map[string]bool{}, map[[2]string]bool{}
	for i, r := range all {
		at := place{"repositories", i}
		r.check(bad, at)
		several := r.Agent == "" && named[r.Name] || of[[2]string{r.Name}]
		if r.Name != "" && (several || of[[2]string{r.Name, r.Agent}]) {
			bad.add(at.of("name"), "a repository above has the name %s already: give it another one, or say with agent of which host each is", r.Name)
		}
		named[r.Name], of[[2]string{r.Name, r.Agent}] = true, true
	}
}

// YAML writes the file as Parse reads it, always in the same way. What it would read
// otherwise is an error: YAML's writer has its limits with texts that begin with a tab
// and have several lines.
func (f File) YAML() ([]byte, error) {
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := errors.Join(e.Encode(f), e.Close()); err != nil {
		return nil, fmt.Errorf("write definitions: %w", err)
	}
	var read File
	if err := strictyaml.Decode(b.Bytes(), &read); err != nil || !reflect.DeepEqual(read, f) {
		return nil, errors.New("write definitions: YAML would not read what it writes: is there a text with characters that cannot be printed?")
	}
	return b.Bytes(), nil
}
