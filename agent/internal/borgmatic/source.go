package borgmatic

import (
	"fmt"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"

	"borgfleet/shared/strictyaml"
)

const (
	mostFile  = 1 << 20
	mostNodes = 100_000 // of a file and all that it includes: an alias may stand for many
	mostDepth = 50
)

// source is a configuration with its includes, merges and aliases carried out.
type source struct {
	files map[*yaml.Node]string // which file a node is of
	nodes int
}

// load reads a file. A configuration that is empty is a mapping without keys.
func (s *source) load(file string, depth int) (*yaml.Node, error) {
	data, err := readFile(file)
	if err != nil {
		return nil, err
	}
	return s.parse(data, file, depth)
}

func (s *source) parse(data []byte, file string, depth int) (*yaml.Node, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(data, &root); err != nil {
		return nil, fmt.Errorf("%s: %w", file, strictyaml.Plain(err))
	}
	if len(root.Content) == 0 {
		return &yaml.Node{Kind: yaml.MappingNode}, nil
	}
	return s.resolve(root.Content[0], file, depth)
}

func readFile(file string) ([]byte, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", file)
	}
	if info.Size() > mostFile {
		return nil, fmt.Errorf("%s has more than %d bytes; is it the right file?", file, mostFile)
	}
	return os.ReadFile(file)
}

// resolve gives a tree without aliases, includes and merges.
func (s *source) resolve(n *yaml.Node, file string, depth int) (*yaml.Node, error) {
	s.nodes++
	if depth > mostDepth || s.nodes > mostNodes {
		return nil, fmt.Errorf("%s: line %d: it includes or repeats too much, perhaps itself", file, n.Line)
	}
	if n.Kind == yaml.AliasNode {
		return s.resolve(n.Alias, file, depth+1)
	}
	if n.Tag == "!include" {
		return s.include(n, file, depth)
	}
	out := *n
	out.Content = nil
	s.files[&out] = file
	switch n.Kind {
	case yaml.MappingNode:
		return s.mapping(n, &out, file, depth)
	case yaml.SequenceNode:
		for _, c := range n.Content {
			r, err := s.resolve(c, file, depth+1)
			if err != nil {
				return nil, err
			}
			out.Content = append(out.Content, r)
		}
	}
	return &out, nil
}

// include reads the file, or the files, that a node names, from the folder of the
// file that it stands in.
func (s *source) include(n *yaml.Node, file string, depth int) (*yaml.Node, error) {
	names := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		names = n.Content
	}
	var out *yaml.Node
	for i := len(names) - 1; i >= 0; i-- { // the first counts before the others
		name := names[i].Value
		if names[i].Kind != yaml.ScalarNode || name == "" {
			return nil, fmt.Errorf("%s: line %d: !include names no file", file, n.Line)
		}
		if !filepath.IsAbs(name) {
			name = filepath.Join(filepath.Dir(file), name)
		}
		one, err := s.load(name, depth+1)
		if err != nil {
			return nil, fmt.Errorf("%s: line %d: !include: %w", file, n.Line, err)
		}
		out = s.merge(out, one)
	}
	if out == nil {
		return nil, fmt.Errorf("%s: line %d: !include names no file", file, n.Line)
	}
	return out, nil
}

func (s *source) mapping(n, out *yaml.Node, file string, depth int) (*yaml.Node, error) {
	var under *yaml.Node // what << brings in
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		r, err := s.resolve(value, file, depth+1)
		if err != nil {
			return nil, err
		}
		if key.Value == "<<" && key.Style == 0 {
			if under, err = s.merged(under, r, file); err != nil {
				return nil, err
			}
			continue
		}
		k := *key
		s.files[&k] = file
		out.Content = append(out.Content, &k, r)
	}
	return s.merge(under, out), nil
}

// merged takes what one << says, a mapping or a list of them.
func (s *source) merged(under, r *yaml.Node, file string) (*yaml.Node, error) {
	all := []*yaml.Node{r}
	if r.Kind == yaml.SequenceNode {
		all = r.Content
	}
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].Kind != yaml.MappingNode {
			return nil, fmt.Errorf("%s: line %d: << takes sections of keys only", file, r.Line)
		}
		under = s.merge(under, all[i])
	}
	return under, nil
}

// merge puts one value over another, as borgmatic does: sections key by key, lists
// one after the other, and else the upper one. !retain keeps the upper one as it
// is; !omit takes an entry out of a list.
func (s *source) merge(under, over *yaml.Node) *yaml.Node {
	switch {
	case under == nil:
		return over
	case under.Kind != over.Kind || over.Tag == "!retain" || over.Kind == yaml.ScalarNode:
		return over
	case over.Kind == yaml.SequenceNode:
		return s.mergeLists(under, over)
	}
	out := *over
	out.Content = append([]*yaml.Node(nil), under.Content...)
	s.files[&out] = s.files[over]
	for i := 0; i+1 < len(over.Content); i += 2 {
		at := keyAt(&out, over.Content[i].Value)
		if at < 0 {
			out.Content = append(out.Content, over.Content[i], over.Content[i+1])
			continue
		}
		out.Content[at], out.Content[at+1] = over.Content[i], s.merge(out.Content[at+1], over.Content[i+1])
	}
	return &out
}

func (s *source) mergeLists(under, over *yaml.Node) *yaml.Node {
	omitted := map[string]bool{}
	for _, n := range over.Content {
		if n.Tag == "!omit" {
			omitted[n.Value] = true
		}
	}
	out := *over
	out.Content = nil
	s.files[&out] = s.files[over]
	for _, n := range under.Content {
		if n.Kind != yaml.ScalarNode || !omitted[n.Value] {
			out.Content = append(out.Content, n)
		}
	}
	for _, n := range over.Content {
		if n.Tag != "!omit" {
			out.Content = append(out.Content, n)
		}
	}
	return &out
}

// keyAt is where a key stands in a mapping's content; -1: nowhere.
func keyAt(mapping *yaml.Node, key string) int {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return i
		}
	}
	return -1
}
