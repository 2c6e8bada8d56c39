package policy

import (
	"bytes"
	"fmt"

	"go.yaml.in/yaml/v3"

	"borgfleet/shared/strictyaml"
)

// edit changes an agent.yaml to say what c says, and leaves the rest of its
// text alone as far as YAML lets it. Keys that were not there are added only if
// they say more than the default.
func edit(old []byte, c Config) ([]byte, error) {
	var doc, want, usual yaml.Node
	if err := yaml.Unmarshal(old, &doc); err != nil {
		return nil, strictyaml.Plain(err)
	}
	if err := want.Encode(c); err != nil {
		return nil, err
	}
	if err := usual.Encode(Default()); err != nil {
		return nil, err
	}
	if doc.Kind != yaml.DocumentNode || doc.Content[0].Kind != yaml.MappingNode {
		top := &yaml.Node{Kind: yaml.MappingNode}
		doc = yaml.Node{Kind: yaml.DocumentNode, HeadComment: doc.HeadComment, FootComment: doc.FootComment, Content: []*yaml.Node{top}}
	}
	editMapping(doc.Content[0], &want, &usual)
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if err := e.Encode(&doc); err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return out.Bytes(), e.Close()
}

func editMapping(have, want, usual *yaml.Node) {
	for i := 0; i+1 < len(want.Content); i += 2 {
		key, value := want.Content[i], want.Content[i+1]
		def := valueOf(usual, key.Value)
		old := valueOf(have, key.Value)
		switch {
		case old != nil && old.Kind == yaml.MappingNode && value.Kind == yaml.MappingNode:
			editMapping(old, value, def)
		case old != nil:
			editValue(old, value)
		case !same(value, def):
			if value.Kind == yaml.MappingNode {
				only := &yaml.Node{Kind: yaml.MappingNode}
				editMapping(only, value, def)
				value = only
			}
			have.Content = append(have.Content, key, value)
		}
	}
}

// editValue replaces what differs; entries of a list that stay keep their
// comments.
func editValue(have, want *yaml.Node) {
	if same(have, want) {
		return
	}
	if have.Kind == yaml.SequenceNode && want.Kind == yaml.SequenceNode {
		entries := make([]*yaml.Node, 0, len(want.Content))
		for _, w := range want.Content {
			entries = append(entries, entryFor(w, have.Content))
		}
		have.Content = entries
		return
	}
	want.HeadComment, want.LineComment, want.FootComment = have.HeadComment, have.LineComment, have.FootComment
	*have = *want
}

// entryFor gives the entry of a list that says what want says, or want with the
// comments of the one that was there for the same location.
func entryFor(want *yaml.Node, have []*yaml.Node) *yaml.Node {
	for _, h := range have {
		if same(h, want) {
			return h
		}
	}
	for _, h := range have {
		if location := valueOf(want, "location"); location != nil && same(valueOf(h, "location"), location) {
			want.HeadComment, want.LineComment, want.FootComment = h.HeadComment, h.LineComment, h.FootComment
		}
	}
	return want
}

func valueOf(mapping *yaml.Node, key string) *yaml.Node {
	for i := 0; mapping != nil && i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}

// same compares what two nodes say, not how they are written.
func same(a, b *yaml.Node) bool {
	if a == nil || b == nil || a.Kind != b.Kind || a.Value != b.Value || a.ShortTag() != b.ShortTag() || len(a.Content) != len(b.Content) {
		return false
	}
	if a.Kind == yaml.MappingNode { // the order of keys says nothing
		for i := 0; i+1 < len(a.Content); i += 2 {
			if !same(a.Content[i+1], valueOf(b, a.Content[i].Value)) {
				return false
			}
		}
		return true
	}
	for i := range a.Content {
		if !same(a.Content[i], b.Content[i]) {
			return false
		}
	}
	return true
}
