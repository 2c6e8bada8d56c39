package policy

import (
	"strings"
	"testing"

	"borgfleet/shared/job"
)

// TestRetentionFloor: no order keeps less than the owner says, measure by
// measure, and an owner who allows everything else has said it too.
func TestRetentionFloor(t *testing.T) {
	const repo = "/srv/backups/web"
	floor := Floor{Daily: 7, Within: "2w"}
	for _, tt := range []struct {
		keep job.Keep
		less string // what the refusal names; empty: allowed
	}{
		{job.Keep{Daily: 7, Within: "14d"}, ""},
		{job.Keep{Daily: 30, Weekly: 4, Within: "1y"}, ""},
		{job.Keep{Daily: 6, Within: "14d"}, "keep_daily 6 is less than 7"},
		{job.Keep{Weekly: 100, Within: "14d"}, "keep_daily 0 is less than 7"},
		{job.Keep{Daily: 7, Within: "335H"}, "keep_within 335H is less than 2w"},
		{job.Keep{Daily: 7}, "keep_within is missing"},
	} {
		for _, allow := range []Allow{{Repositories: []string{repo}, Maintenance: true, RetentionFloor: floor}, {All: true, RetentionFloor: floor}} {
			for _, dry := range []bool{false, true} {
				spec := order(job.Prune, repo)
				spec.Prune = &job.PruneSpec{Keep: tt.keep, DryRun: dry}
				r := refusal(t, newTestPolicy(t, "/var/lib/agent", allow).Check(spec))
				if (r.Rule == RuleRetention) != (tt.less != "") || !strings.Contains(r.Message, tt.less) {
					t.Errorf("%+v, all %v: %q, want %q", tt.keep, allow.All, r.Message, tt.less)
				}
			}
		}
	}
	// Without leave to prune at all, that is what the owner is told.
	if r := refusal(t, newTestPolicy(t, "/s", Allow{Repositories: []string{repo}, RetentionFloor: floor}).Check(order(job.Prune, repo))); r.Rule != RuleMaintenance {
		t.Errorf("refused by %q", r.Rule)
	}
}

// TestHostilePrune: orders that no owner can allow.
func TestHostilePrune(t *testing.T) {
	p := newTestPolicy(t, "/var/lib/agent", Allow{All: true})
	for what, change := range map[string]func(*job.Spec){
		"no rule at all":     func(s *job.Spec) { s.Prune = nil },
		"nothing is kept":    func(s *job.Spec) { s.Prune = &job.PruneSpec{} },
		"less than nothing":  func(s *job.Spec) { s.Prune.Keep.Yearly = -1 },
		"within nothing":     func(s *job.Spec) { s.Prune.Keep = job.Keep{Within: "0d"} },
		"within an option":   func(s *job.Spec) { s.Prune.Keep.Within = "--force" },
		"within ages":        func(s *job.Spec) { s.Prune.Keep.Within = "99999999y" },
		"option as pattern":  func(s *job.Spec) { s.Repository.MatchArchives = "--force" },
		"pattern with brace": func(s *job.Spec) { s.Repository.MatchArchives = "{hostname}*" },
		"two lines":          func(s *job.Spec) { s.Repository.MatchArchives = "a\nb" },
	} {
		spec := order(job.Prune, "/srv/backups/web")
		change(&spec)
		if r := refusal(t, p.Check(spec)); r.Rule != RuleForm || r.Command != "" {
			t.Errorf("%s: refused by %q (%s)", what, r.Rule, r.Message)
		}
	}
}

func TestFloorInAgentYAML(t *testing.T) {
	c, err := Parse([]byte("allow:\n  maintenance: true\n  retention_floor:\n    keep_daily: 7\n    keep_within: 30d\n"))
	if err != nil || c.Allow.RetentionFloor != (Floor{Daily: 7, Within: "30d"}) {
		t.Errorf("%+v, %v", c.Allow, err)
	}
	for _, bad := range []string{"keep_daily: -1", "keep_within: never", "keep_within: 0d", "keep_dayly: 7", "keep_daily: 0"} {
		_, err := Parse([]byte("allow:\n  retention_floor:\n    " + bad + "\n"))
		if (err == nil) != (bad == "keep_daily: 0") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
