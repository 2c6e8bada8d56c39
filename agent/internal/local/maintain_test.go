package local

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"borgfleet/shared/job"
)

// TestCheck: what a person on the host wants to be looked at is what the job says.
func TestCheck(t *testing.T) {
	h := serve(t, newState(t), nil)
	for depth, limit := range map[string]int64{"": 0, "repository": 60, "archives": 0, "data": 0} {
		j, err := h.client.Maintain(t.Context(), Maintenance{Repository: "web", Kind: "check", Depth: depth, MaxDuration: limit})
		must(t, err)
		dir, ok := h.daemon.Dir(key(t, j.Key))
		if !ok {
			t.Fatalf("%s: there is no job", depth)
		}
		want := &job.CheckSpec{MaxDuration: time.Duration(limit) * time.Second, Depth: job.CheckDepth(depth)}
		if depth == "" {
			want = nil
		}
		if diff := cmp.Diff(want, dir.Spec().Check); diff != "" {
			t.Errorf("%s: %s", depth, diff)
		}
	}
	for _, bad := range []Maintenance{{Depth: "all"}, {Depth: "--repair"}, {Depth: "data", MaxDuration: 1}, {MaxDuration: -1}} {
		bad.Repository, bad.Kind = "web", "check"
		if _, err := h.client.Maintain(t.Context(), bad); CodeOf(err) != Invalid || bad.Depth != "" && !strings.Contains(err.Error(), "depth") {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// TestPrune without a rule goes by the repository's retention, as the host has it.
func TestPrune(t *testing.T) {
	h := serve(t, newState(t), nil)
	for _, tt := range []struct {
		repository string
		keep       *Keep
		want       job.Keep
	}{
		{"mail", nil, job.Keep{Daily: 7}},
		{"mail", &Keep{Weekly: 4}, job.Keep{Weekly: 4}},
		{"web", &Keep{Within: "30d"}, job.Keep{Within: "30d"}},
	} {
		j, err := h.client.Maintain(t.Context(), Maintenance{Repository: tt.repository, Kind: "prune", Keep: tt.keep, DryRun: true})
		must(t, err)
		dir, ok := h.daemon.Dir(key(t, j.Key))
		if !ok || *dir.Spec().Prune != (job.PruneSpec{Keep: tt.want, DryRun: true}) {
			t.Errorf("%s %+v: %+v", tt.repository, tt.keep, dir.Spec().Prune)
		}
	}
	for what, bad := range map[string]Maintenance{
		"repositories update 1 --keep-daily 7": {Repository: "web"},
		"everything would go":                  {Repository: "mail", Keep: &Keep{}},
		"keep_daily must be between":           {Repository: "mail", Keep: &Keep{Daily: -1}},
	} {
		bad.Kind = "prune"
		if _, err := h.client.Maintain(t.Context(), bad); CodeOf(err) != Invalid || !strings.Contains(err.Error(), what) {
			t.Errorf("want %q: %v", what, err)
		}
	}
}
