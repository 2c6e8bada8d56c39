package version

import "testing"

func TestFull(t *testing.T) {
	t.Cleanup(func(v, c, d string) func() { return func() { version, commit, date = v, c, d } }(version, commit, date))
	for _, tt := range []struct{ commit, date, want string }{
		{"", "", "1.2.3"},
		{"0a1b", "2026-11-26T12:00:00Z", "1.2.3 (0a1b, 2026-11-26T12:00:00Z)"},
		{"0a1b", "", "1.2.3 (0a1b)"},
	} {
		version, commit, date = "1.2.3", tt.commit, tt.date
		if got := Full(); got != tt.want {
			t.Errorf("%+v: %q", tt, got)
		}
	}
}
