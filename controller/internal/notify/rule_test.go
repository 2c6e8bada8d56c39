package notify

import (
	"slices"
	"testing"

	"borgfleet/controller/internal/store"
)

func TestRules(t *testing.T) {
	failed := Event{
		Event: Failure, Agent: &Agent{ID: "a", Name: "web-1", Labels: map[string]string{"role": "web", "empty": ""}},
		Repository: &Repository{ID: 7}, Job: &Job{Kind: "backup"},
	}
	offline := Event{Event: Offline, Agent: failed.Agent}
	on := store.Rule{Enabled: true, Events: []string{"failure", "agent_offline"}, Channels: []int64{1}}
	with := func(change func(*store.Rule)) store.Rule {
		r := on
		change(&r)
		return r
	}
	for name, c := range map[string]struct {
		rule            store.Rule
		failed, offline bool
	}{
		"any":              {on, true, true},
		"disabled":         {with(func(r *store.Rule) { r.Enabled = false }), false, false},
		"other events":     {with(func(r *store.Rule) { r.Events = []string{"success"} }), false, false},
		"kind":             {with(func(r *store.Rule) { r.Kinds = []string{"prune", "backup"} }), true, true},
		"other kind":       {with(func(r *store.Rule) { r.Kinds = []string{"prune"} }), false, true},
		"agent":            {with(func(r *store.Rule) { r.Agents = []string{"b", "a"} }), true, true},
		"other agent":      {with(func(r *store.Rule) { r.Agents = []string{"b"} }), false, false},
		"repository":       {with(func(r *store.Rule) { r.Repositories = []int64{7} }), true, false},
		"other repository": {with(func(r *store.Rule) { r.Repositories = []int64{8} }), false, false},
		"label":            {with(func(r *store.Rule) { r.Labels = []string{"x=y", "role=web"} }), true, true},
		"other value":      {with(func(r *store.Rule) { r.Labels = []string{"role=db"} }), false, false},
		"other label":      {with(func(r *store.Rule) { r.Labels = []string{"none="} }), false, false},
		"empty value":      {with(func(r *store.Rule) { r.Labels = []string{"empty="} }), true, true},
		"both must fit":    {with(func(r *store.Rule) { r.Agents, r.Repositories = []string{"a"}, []int64{8} }), false, false},
	} {
		if got := Matches(c.rule, failed); got != c.failed {
			t.Errorf("%s: the failure: %v", name, got)
		}
		if got := Matches(c.rule, offline); got != c.offline {
			t.Errorf("%s: the agent: %v", name, got)
		}
	}
	two := with(func(r *store.Rule) { r.Channels = []int64{3, 1} })
	if got := Channels([]store.Rule{two, on}, failed); !slices.Equal(got, []int64{1, 3}) {
		t.Errorf("channels: %v", got)
	}
}
