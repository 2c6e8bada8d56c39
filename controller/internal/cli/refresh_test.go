package cli

import (
	"strings"
	"testing"
	"time"

	"borgfleet/controller/internal/api/rest"
)

// TestARefreshThatDidNotSucceedIsAnError: what is shown is old, and says so.
func TestARefreshThatDidNotSucceedIsAnError(t *testing.T) {
	for name, c := range map[string]struct {
		refresh *rest.Refresh
		want    string // "": no error
	}{
		"not asked for": {nil, ""},
		"done":          {&rest.Refresh{JobID: 4, Status: "completed", Done: true}, ""},
		"failed":        {&rest.Refresh{JobID: 4, Status: "failed", AgentOnline: true, ErrorMessage: ptr("it is not there")}, "failed (job 4): it is not there"},
		"cancelled":     {&rest.Refresh{JobID: 4, Status: "cancelled", AgentOnline: true}, "cancelled (job 4)\n"},
		"waits":         {&rest.Refresh{JobID: 4, Status: "pending", AgentOnline: true, WaitingFor: ptr("host busy")}, "waits: host busy"},
		"offline":       {&rest.Refresh{JobID: 4, Status: "running"}, "its agent is offline"},
		"runs":          {&rest.Refresh{JobID: 4, Status: "running", AgentOnline: true}, "jobs follow 4"},
		"not taken in":  {&rest.Refresh{JobID: 4, Status: "completed", AgentOnline: true}, "not taken in yet"},
	} {
		list := rest.ArchiveList{AsOf: rest.At(now().Add(-time.Hour)), Refresh: c.refresh, Archives: rest.BorgList{Archives: []rest.Archive{{Name: "arch-1"}}}}
		f := newFake(t, map[string][]answer{"GET /api/archives/list": ok(list)})
		for _, args := range [][]string{{"archives", "list", "/r", "--refresh"}, {"archives", "list", "/r", "--refresh", "-o", "json"}} {
			r := f.command("", args...)
			if !strings.Contains(r.out, "arch-1") {
				t.Errorf("%s: it does not show what is known: %q", name, r.out)
			}
			if told := strings.Contains(r.err, "known before, as of 2026-03-01 11:00:00: "); (r.code == 1) != (c.want != "") || told != (c.want != "") || !strings.Contains(r.err, c.want) {
				t.Errorf("%s: exit status %d, %q; want %q", name, r.code, r.err, c.want)
			}
		}
	}
}
