package policy

import (
	"strings"
	"testing"
)

func TestPing(t *testing.T) {
	for _, c := range []struct {
		allow, url string
		want       bool
	}{
		{"https://hc.example.org/**", "https://hc.example.org/a/b", true},
		{"https://hc.example.org/**", "https://HC.example.org/a", true},
		{"https://hc.example.org/key/*", "https://hc.example.org/key/web-1", true},
		{"https://hc.example.org/key/*", "https://hc.example.org/key/web-1/more", false},
		{"https://hc.example.org/key/*", "https://hc.example.org/key/x?y=/z", false},
		{"https://hc.example.org/key/**", "https://hc.example.org/key/../admin", false},
		{"https://hc.example.org/key/**", "https://hc.example.org/key/%2e%2e/admin", false},
		{"https://hc.example.org/a.c", "https://hc.example.org/abc", false},
		{"https://hc.example.org/**", "http://hc.example.org/a", false},
		{"https://hc.example.org/**", "https://hc.example.org.evil/a", false},
		{"https://hc.example.org/**", "https://hc.example.org@evil/a", false},
		{"https://hc.example.org/**", "https://hc.example.org:444/a", false},
		{"https://hc.example.org", "https://hc.example.org/a", false},
		{"", "https://hc.example.org/a", false},
		{"", "http://169.254.169.254/latest", false},
	} {
		var a Allow
		if c.allow != "" {
			if err := a.AddPing(c.allow); err != nil {
				t.Errorf("%s: %v", c.allow, err)
			}
		}
		err := a.AllowsPing(c.url, "borgfleet-agent allow")
		if (err == nil) != c.want {
			t.Errorf("%s by %q: %v", c.url, c.allow, err)
		}
		if err != nil && strings.Contains(err.Error(), "/latest") {
			t.Errorf("it tells the path: %v", err)
		}
	}
	if err := (Allow{All: true}).AllowsPing("https://x/y", ""); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "hc.example.org/**", "https://*/x", "https://*.example.org/**", "ftp://x/y", "https://a:b@x/y"} {
		if err := new(Allow).AddPing(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
