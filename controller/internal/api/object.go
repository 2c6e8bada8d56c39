package api

import (
	"bytes"
	"encoding/json"
	"math/big"
	"slices"
	"strings"
	"time"
)

// object reads the fields of a JSON object one by one and collects everything
// that is wrong. Unlike encoding/json it tells names apart by case, refuses a
// name that comes twice, and says where the mistake is.
type object struct {
	at     string // location, for messages
	fields map[string]json.RawMessage
	asked  []string
	bad    *problems
}

// newObject takes raw that is known to be a well-formed object.
func newObject(at string, raw []byte, bad *problems) *object {
	o := &object{at: at, fields: map[string]json.RawMessage{}, bad: bad}
	dec := json.NewDecoder(bytes.NewReader(raw))
	_, _ = dec.Token() // the opening brace
	for dec.More() {
		token, err := dec.Token()
		name, ok := token.(string)
		var value json.RawMessage
		if err != nil || !ok || dec.Decode(&value) != nil {
			o.bad.add(at, "it cannot be read")
			return o
		}
		if _, twice := o.fields[name]; twice {
			o.bad.add(o.loc(name), "it is given twice")
		}
		o.fields[name] = value
	}
	return o
}

func (o *object) loc(name string) string { return o.at + "." + shorten(name) }

// get is a field's value; null is the same as nothing.
func (o *object) get(name string) (json.RawMessage, bool) {
	if !slices.Contains(o.asked, name) {
		o.asked = append(o.asked, name)
	}
	raw, ok := o.fields[name]
	return raw, ok && string(raw) != "null"
}

// must is get for a field that has to be there.
func (o *object) must(name string) (json.RawMessage, bool) {
	raw, ok := o.get(name)
	if !ok {
		o.bad.add(o.loc(name), "it is required")
	}
	return raw, ok
}

// noOthers rejects every field that nobody asked for.
func (o *object) noOthers() {
	for _, name := range sortedKeys(o.fields) {
		if !slices.Contains(o.asked, name) {
			o.bad.add(o.loc(name), "there is no such field; %s", listKnown(o.asked))
		}
	}
}

func (o *object) err() error { return o.bad.err() }

// text reads a string; ok is false if there is none, or not a good one.
func (o *object) text(name string) (s string, ok bool) {
	raw, there := o.get(name)
	if !there {
		return "", false
	}
	return o.decodeText(o.loc(name), raw)
}

func (o *object) mustText(name string) (string, bool) {
	raw, there := o.must(name)
	if !there {
		return "", false
	}
	return o.decodeText(o.loc(name), raw)
}

func (o *object) decodeText(at string, raw json.RawMessage) (string, bool) {
	var s string
	if raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		o.bad.add(at, "it must be a string, not %s", nameOf(raw))
		return "", false
	}
	if brokenSurrogate(raw, s) {
		o.bad.add(at, "it is not valid Unicode")
		return "", false
	}
	return s, true
}

// brokenSurrogate finds an escape that encoding/json has replaced by U+FFFD:
// the path that it was part of would be another one.
func brokenSurrogate(raw json.RawMessage, s string) bool {
	if !strings.Contains(s, "\uFFFD") {
		return false
	}
	escaped := strings.Count(strings.ToLower(string(raw)), `\ufffd`)
	written := bytes.Count(raw, []byte("\uFFFD"))
	return strings.Count(s, "\uFFFD") > escaped+written
}

func (o *object) flag(name string) bool {
	raw, there := o.get(name)
	var b bool
	if there && json.Unmarshal(raw, &b) != nil {
		o.bad.add(o.loc(name), "it must be true or false, not %s", nameOf(raw))
	}
	return b
}

// number reads a whole number between least and most.
func (o *object) number(name string, least, most int64) (n int64, ok bool) {
	raw, there := o.get(name)
	if !there {
		return 0, false
	}
	return o.decodeNumber(o.loc(name), raw, least, most)
}

func (o *object) decodeNumber(at string, raw json.RawMessage, least, most int64) (int64, bool) {
	text := string(raw)
	if kind := nameOf(raw); kind != "a number" {
		o.bad.add(at, "it must be a whole number, not %s", kind)
		return 0, false
	}
	if !isInteger(text) {
		o.bad.add(at, "it must be a whole number, written without . and e")
		return 0, false
	}
	n, _ := new(big.Int).SetString(shortest(text), 10)
	if n == nil || !n.IsInt64() || n.Int64() < least || n.Int64() > most {
		o.bad.add(at, "it must be between %d and %d", least, most)
		return 0, false
	}
	return n.Int64(), true
}

// shortest keeps a million digits from being converted.
func shortest(digits string) string { return digits[:min(len(digits), 25)] }

// duration reads whole seconds, or a text such as 1h30m.
func (o *object) duration(name string, least, most time.Duration) (time.Duration, bool) {
	raw, there := o.get(name)
	if !there {
		return 0, false
	}
	if raw[0] != '"' {
		n, ok := o.decodeNumber(o.loc(name), raw, int64(least.Seconds()), int64(most.Seconds()))
		return time.Duration(n) * time.Second, ok
	}
	s, ok := o.decodeText(o.loc(name), raw)
	if !ok {
		return 0, false
	}
	d, err := time.ParseDuration(s)
	if err != nil || d%time.Second != 0 {
		o.bad.add(o.loc(name), "it must be whole seconds, or a text such as 1h30m")
		return 0, false
	}
	if d < least || d > most {
		o.bad.add(o.loc(name), "it must be between %d and %d seconds", int64(least.Seconds()), int64(most.Seconds()))
		return 0, false
	}
	return d, true
}

// nameOf says what kind of JSON value raw is.
func nameOf(raw []byte) string {
	switch raw[0] {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "a number"
}
