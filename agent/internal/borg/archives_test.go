package borg

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestRawName(t *testing.T) {
	for quoted, want := range map[string]string{
		`"plain"`:                      "",
		`"\u00fcml\"\\ud"`:             "",
		`"\ud83d\udcbe"`:               "", // a pair is one character
		`"bad\udcff\udce4 n\u0001\"m"`: "bad\xff\xe4 n\x01\"m",
		`"\ud83d\udcbe\udcff\\udcff"`:  "💾\xff\\udcff",
		`null`:                         "",
		`"cut \ud`:                     "",
	} {
		if got := rawName([]byte(quoted)); got != base64.StdEncoding.EncodeToString([]byte(want)) {
			t.Errorf("%s: %q", quoted, got)
		}
	}
}

const someArchives = `{"archives": [{"archive": "a", "id": "1", "name": "a", "start": "2026-11-24T04:48:38.000000"},
 {"name": "a.checkpoint", "id": "2"}], "encryption": {"mode": "keyfile"}, "new": [{"x": {}}],
 "repository": {"id": "r", "last_modified": "2026-11-24T04:48:39.000000", "location": "/r"}}`

func TestReadArchives(t *testing.T) {
	var names []string
	repo, err := ReadArchives(strings.NewReader(someArchives+"\n"), func(a Archive) { names = append(names, a.Line()) })
	if err != nil || fmt.Sprint(names) != "[2026-11-24T04:48:38Z  1  a]" {
		t.Errorf("%q, %v", names, err)
	}
	if repo.BorgID != "r" || repo.Encryption != "keyfile" || repo.LastModified.Second() != 39 || repo.Location != "/r" {
		t.Errorf("%+v", repo)
	}
}

// TestHalfAnAnswerIsNone: wherever it is cut off.
func TestHalfAnAnswerIsNone(t *testing.T) {
	for i := range len(someArchives) {
		if repo, err := ReadArchives(strings.NewReader(someArchives[:i]), func(Archive) {}); err == nil {
			t.Fatalf("cut off after %d bytes it is %+v", i, repo)
		}
	}
	for _, more := range []string{"x", "{}", "]"} {
		if _, err := ReadArchives(strings.NewReader(someArchives+more), func(Archive) {}); err == nil {
			t.Errorf("followed by %q it is accepted", more)
		}
	}
}

func FuzzReadArchives(f *testing.F) {
	f.Add(someArchives)
	f.Add(`{"archives":[{"name":"x","barchive":"\udcff"}]}`)
	f.Fuzz(func(t *testing.T, s string) {
		_, err := ReadArchives(strings.NewReader(s), func(a Archive) { _ = a.Line() })
		if err == nil && !json.Valid([]byte(s)) {
			t.Errorf("%q is accepted", s)
		}
	})
}
