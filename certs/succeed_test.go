package certs

import (
	"crypto/rand"
	"strings"
	"testing"
	"time"
)

// TestSucceed takes this agent's next certificate, and no other.
func TestSucceed(t *testing.T) {
	a, _ := newTestAuthority(t)
	other, _ := newTestAuthority(t)
	c := enrolTest(t, a, "web-1")
	later := start.Add(20 * 24 * time.Hour)
	for _, tt := range []struct {
		name  string
		by    *Authority
		agent string
		at    time.Time
		wrong string
	}{
		{"its own", a, "web-1", later, ""},
		{"in the same second", a, "web-1", start, ""},
		{"another agent's", a, "web-2", later, "agent web-2"},
		{"another fleet's", other, "web-1", later, "another certificate authority"},
		{"an older one", a, "web-1", start.Add(-time.Minute), "controller's clock"},
	} {
		key, csr, err := NewKeyAndCSR(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		chain, _, err := tt.by.SignAgent(csr, tt.agent, tt.at)
		if err != nil {
			t.Fatal(err)
		}
		next, err := c.Succeed(key, chain, tt.by.Root(), tt.at)
		if (err == nil) != (tt.wrong == "") || err != nil && !strings.Contains(err.Error(), tt.wrong) {
			t.Errorf("%s: %v", tt.name, err)
		}
		if err == nil && next.Identity().AgentID != "web-1" {
			t.Errorf("%s: %+v", tt.name, next.Identity())
		}
		if _, err := c.Succeed(c.key, chain, tt.by.Root(), tt.at); err == nil {
			t.Errorf("%s: taken for another key", tt.name)
		}
	}
}
