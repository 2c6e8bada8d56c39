package job

import (
	"reflect"
	"slices"
	"testing"
)

// TestWhatFollows goes through how the steps of a backup may stand.
func TestWhatFollows(t *testing.T) {
	all := After{Prune: &PruneSpec{}, Compact: true, Check: &CheckSpec{}}
	step := func(kind Kind, s Status) Step { return Step{Kind: kind, Status: s} }
	for name, c := range map[string]struct {
		after  After
		backup Status
		steps  []Step
		next   Kind // empty: none
		says   string
	}{
		"nothing follows":             {After{}, Completed, nil, "", ""},
		"a backup that failed":        {all, Failed, nil, "", ""},
		"a backup that runs":          {all, Running, nil, "", ""},
		"the first":                   {all, CompletedWithWarnings, nil, Prune, "running_prune"},
		"while it runs":               {all, Completed, []Step{step(Prune, Pending)}, "", "running_prune"},
		"between two":                 {all, Completed, []Step{step(Prune, Completed)}, Compact, "running_compact"},
		"a prune that failed":         {all, Completed, []Step{step(Prune, Failed)}, Check, "running_check"},
		"and then all":                {all, Completed, []Step{step(Prune, Failed), step(Check, Completed)}, "", "prune_failed"},
		"a compact that failed":       {all, Completed, []Step{step(Prune, Completed), step(Compact, Failed)}, Check, "running_check"},
		"the first failure":           {all, Completed, []Step{step(Prune, Completed), step(Compact, Failed), step(Check, Failed)}, "", "compact_failed"},
		"a step that was cancelled":   {all, Completed, []Step{step(Prune, Cancelled)}, "", "prune_failed"},
		"all of them":                 {all, Completed, []Step{step(Prune, Completed), step(Compact, Completed), step(Check, CompletedWithWarnings)}, "", "maintenance_completed"},
		"the only one":                {After{Check: &CheckSpec{}}, Completed, []Step{step(Check, Completed)}, "", "check_completed"},
		"the only one, while it runs": {After{Compact: true}, Completed, []Step{step(Compact, Running)}, "", "running_compact"},
	} {
		kind, more := c.after.NextStep(c.backup, c.steps)
		if kind != c.next || more != (c.next != "") {
			t.Errorf("%s: %q follows, want %q", name, kind, c.next)
		}
		if got := c.after.Maintenance(c.backup, c.steps, false); got != c.says {
			t.Errorf("%s: %q, want %q", name, got, c.says)
		}
	}
}

// TestWithRetention: a prune's own rule counts, and the one that was given stays what
// it is for the next repository.
func TestWithRetention(t *testing.T) {
	own, theirs := Keep{Daily: 7}, Keep{Weekly: 4}
	said := &PruneSpec{}
	for name, c := range map[string]struct {
		after After
		want  *PruneSpec
	}{
		"no prune":        {After{Compact: true}, nil},
		"one of no rule":  {After{Prune: said}, &PruneSpec{Keep: theirs}},
		"one of its rule": {After{Prune: &PruneSpec{Keep: own}}, &PruneSpec{Keep: own}},
	} {
		got := c.after.WithRetention(theirs)
		if !reflect.DeepEqual(got.Prune, c.want) || got.Compact != c.after.Compact {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if said.Keep != (Keep{}) {
		t.Error("the schedule's own rule was changed")
	}
}

// TestSetStep: each step takes what is said of it, and no more.
func TestSetStep(t *testing.T) {
	after := After{Prune: &PruneSpec{}, Compact: true, Check: &CheckSpec{}}
	for _, kind := range after.Steps() {
		spec := Spec{Kind: kind}
		after.SetStep(&spec)
		if (spec.Prune != nil) != (kind == Prune) || (spec.Check != nil) != (kind == Check) {
			t.Errorf("%s: %+v", kind, spec)
		}
	}
}

// TestAStepThatNeverCame is no step that runs for ever.
func TestAStepThatNeverCame(t *testing.T) {
	after := After{Prune: &PruneSpec{}, Check: &CheckSpec{}}
	for want, steps := range map[string][]Step{
		"prune_failed": nil, "check_failed": {{Kind: Prune, Status: Completed}}, "running_prune": {{Kind: Prune, Status: Running}},
		"maintenance_completed": {{Kind: Prune, Status: Completed}, {Kind: Check, Status: Completed}},
	} {
		if got := after.Maintenance(Completed, steps, true); got != want {
			t.Errorf("%+v: %q, want %q", steps, got, want)
		}
	}
}

// TestStepsInTheirOrder: they are told as they come, and stand as they are made.
func TestStepsInTheirOrder(t *testing.T) {
	j := New(1, Key{1}, "a", Spec{Kind: Backup})
	for _, told := range []Step{{Kind: Check, ID: 4, Status: Failed}, {Kind: Prune, ID: 2, Status: Failed}, {Kind: Compact, ID: 3, Status: Completed}, {Kind: Prune, ID: 2, Status: Failed}} {
		j, _, _ = Next(j, StepTold{told})
	}
	if kinds := []Kind{j.Steps[0].Kind, j.Steps[1].Kind, j.Steps[2].Kind}; len(j.Steps) != 3 || !slices.Equal(kinds, []Kind{Prune, Compact, Check}) {
		t.Errorf("%+v", j.Steps)
	}
}
