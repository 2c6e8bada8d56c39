package cli

import (
	"slices"
	"testing"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/audit"
)

func TestAudit(t *testing.T) {
	ptr := func(s string) *string { return &s }
	entries := []rest.AuditEntry{
		{ID: 9, At: rest.At(now()), Who: ptr("ann"), Via: ptr("token/0f1e2d3c4b5a6978"), From: ptr("192.0.2.7"), What: "startBackup", On: ptr("job/12"), Detail: ptr("backup of home on web1"), Outcome: "done", Count: 1},
		{ID: 8, At: rest.At(now()), Who: ptr("e\x1b[2Jve\n"), From: ptr("\u202e1"), What: "login", Detail: ptr("<script>=1+1"), Outcome: "refused", Code: ptr("wrong_credentials"), Count: 1},
		{ID: 7, At: rest.At(now()), From: ptr("203.0.113.9"), What: "login", Detail: ptr("refused"), Outcome: "left_out", Code: ptr("wrong_credentials"), Count: 4312},
	}
	f := newFake(t, map[string][]answer{"GET /api/audit": ok(rest.AuditLog{Entries: entries, NextCursor: ptr("c")})})
	f.command("", "audit", "--limit", "3", "--who", "ann", "--what", "login", "--what", "x", "--outcome", "done", "--since", "1h", "--until", "2026-03-01T11:30:00Z", "--on", "job/1").want(t, 0,
		`AT                   WHO           VIA                     FROM         WHAT         ON      OUTCOME   ABOUT
2026-03-01 12:00:00  ann           token/0f1e2d3c4b5a6978  192.0.2.7    startBackup  job/12  done      backup of home on web1
2026-03-01 12:00:00  e\x1b[2Jve\n  -                       \u202e1      login        -       refused   wrong_credentials: <script>=1+1
2026-03-01 12:00:00  -             -                       203.0.113.9  login        -       left_out  4 312 times: wrong_credentials: refused
`, "There are more: raise --limit, narrow down, or go on with --cursor c\n")
	if got, want := f.heard(), "GET /api/audit?limit=3&on=job%2F1&outcome=done&since=2026-03-01T11%3A00%3A00Z&until=2026-03-01T11%3A30%3A00Z&what=login&what=x&who=ann"; len(got) != 1 || got[0] != want {
		t.Errorf("asked %q", got)
	}
	f.command("", "audit", "--outcome", "good").want(t, 2, "", "borgfleet-controller: --outcome is one of done, refused, failed, left_out, not \"good\"\n")
	if !slices.Equal(auditOutcomes(), audit.Outcomes()) {
		t.Error("the outcomes are not the controller's")
	}
}
