package api

import (
	"encoding/json"
	"fmt"
	"math"
)

// texts reads an array of strings, each of which check finds good: it answers
// what is wrong, or nothing.
func (o *object) texts(name string, most int, check func(string) string) []string {
	raw, there := o.get(name)
	if !there {
		return nil
	}
	return o.decodeTexts(name, raw, most, check)
}

func (o *object) mustTexts(name string, most int, check func(string) string) []string {
	raw, there := o.must(name)
	if !there {
		return nil
	}
	out := o.decodeTexts(name, raw, most, check)
	if isEmptyArray(raw) {
		o.bad.add(o.loc(name), "at least one is needed")
	}
	return out
}

func isEmptyArray(raw json.RawMessage) bool {
	var items []json.RawMessage
	return json.Unmarshal(raw, &items) == nil && len(items) == 0
}

func (o *object) decodeTexts(name string, raw json.RawMessage, most int, check func(string) string) []string {
	var items []json.RawMessage
	if json.Unmarshal(raw, &items) != nil {
		o.bad.add(o.loc(name), "it must be an array of strings, not %s", nameOf(raw))
		return nil
	}
	if len(items) > most {
		o.bad.add(o.loc(name), "it has %d entries; at most %d are taken", len(items), most)
		return nil
	}
	seen := map[string]bool{}
	var out []string
	for i, item := range items {
		at := fmt.Sprintf("%s[%d]", o.loc(name), i)
		s, ok := o.decodeText(at, item)
		if !ok {
			continue
		}
		if wrong := check(s); wrong != "" {
			o.bad.add(at, "%s", wrong)
			continue
		}
		if seen[s] {
			o.bad.add(at, "it is there already")
			continue
		}
		seen[s] = true
		out = append(out, s)
	}
	return out
}

// textMap reads an object whose values are strings.
func (o *object) textMap(name string, most int, checkKey, checkValue func(string) string) map[string]string {
	raw, there := o.get(name)
	if !there {
		return nil
	}
	if raw[0] != '{' {
		o.bad.add(o.loc(name), "it must be an object of strings, not %s", nameOf(raw))
		return nil
	}
	inner := newObject(o.loc(name), raw, o.bad)
	if len(inner.fields) > most {
		o.bad.add(o.loc(name), "it has %d entries; at most %d are taken", len(inner.fields), most)
		return nil
	}
	out := map[string]string{}
	for _, key := range sortedKeys(inner.fields) {
		if wrong := checkKey(key); wrong != "" {
			o.bad.add(inner.loc(key), "the name of a label: %s", wrong)
			continue
		}
		value, ok := o.decodeText(inner.loc(key), inner.fields[key])
		if !ok {
			continue
		}
		if wrong := checkValue(value); wrong != "" {
			o.bad.add(inner.loc(key), "%s", wrong)
			continue
		}
		out[key] = value
	}
	return out
}

// ids reads an array of ids.
func (o *object) ids(name string, least, most int) (out []int64) {
	raw, _ := o.get(name)
	var items []json.RawMessage
	if json.Unmarshal(raw, &items) != nil || len(items) < least || len(items) > most {
		o.bad.add(o.loc(name), "it must be an array of %d to %d ids", least, most)
	}
	for i, item := range items[:min(len(items), most)] {
		if id, ok := o.decodeNumber(fmt.Sprintf("%s[%d]", o.loc(name), i), item, 1, math.MaxInt64); ok {
			out = append(out, id)
		}
	}
	return out
}
