package fingerprint

import (
	"strings"
	"testing"
)

func TestFingerprints(t *testing.T) {
	k, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseKey(k.String())
	if err != nil || again != k {
		t.Fatalf("%v, %v", again, err)
	}
	other, err := NewKey()
	if err != nil || other == k {
		t.Fatalf("%v, %v", other, err)
	}
	of := k.Of("url", "https://x/y")
	for name, tt := range map[string]struct {
		key          Key
		print        string
		field, value string
		want         bool
	}{
		"the same":      {k, of, "url", "https://x/y", true},
		"another value": {k, of, "url", "https://x/z", false},
		"another field": {k, of, "token", "https://x/y", false},
		"another key":   {other, of, "url", "https://x/y", false},
		"nothing there": {k, k.Of("url", ""), "url", "", false},
		"no print":      {k, "", "url", "https://x/y", false},
	} {
		if got := tt.key.Is(tt.print, tt.field, tt.value); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if strings.Contains(of, "x") || Check(of) != nil || Check("") == nil || Check(of[2:]) == nil || Check(strings.Repeat("x", 64)) == nil {
		t.Errorf("%s, %v", of, Check(of))
	}
	for _, bad := range []string{"", "00", strings.Repeat("z", 64), k.String() + "00"} {
		if _, err := ParseKey(bad); err == nil {
			t.Errorf("%q is a key", bad)
		}
	}
}
