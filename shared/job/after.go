package job

// After are the steps that follow a good backup, each a job of its own with the
// backup as its parent.
type After struct {
	Prune   *PruneSpec // nil: none
	Compact bool
	Check   *CheckSpec // nil: none
}

// Steps are the kinds that follow, in their order.
func (a After) Steps() []Kind {
	var kinds []Kind
	if a.Prune != nil {
		kinds = append(kinds, Prune)
	}
	if a.Compact {
		kinds = append(kinds, Compact)
	}
	if a.Check != nil {
		kinds = append(kinds, Check)
	}
	return kinds
}

// WithRetention is what follows where a repository keeps by this: a prune that says
// no rule of its own goes by it.
func (a After) WithRetention(k Keep) After {
	if a.Prune != nil && a.Prune.Keep == (Keep{}) {
		a.Prune = &PruneSpec{Keep: k}
	}
	return a
}

// SetStep puts what is said of a step into its spec.
func (a After) SetStep(step *Spec) {
	switch step.Kind {
	case Prune:
		step.Prune = a.Prune
	case Check:
		step.Check = a.Check
	}
}

// Step is one of the jobs that followed a backup.
type Step struct {
	Kind   Kind
	ID     int64 // 0: the controller has not given it one
	Status Status
}

// NextStep is the kind that follows now; false: none, or none yet. A prune that
// failed is not made final by a compact; who cancels a step wants no other one.
func (a After) NextStep(backup Status, steps []Step) (Kind, bool) {
	if !backup.Good() {
		return "", false
	}
	var pruneFailed bool
	for _, s := range steps {
		if !s.Status.Final() || s.Status == Cancelled {
			return "", false
		}
		pruneFailed = pruneFailed || s.Kind == Prune && s.Status == Failed
	}
	for _, kind := range a.Steps() {
		if kind == Compact && pruneFailed || hasStep(steps, kind) {
			continue
		}
		return kind, true
	}
	return "", false
}

func hasStep(steps []Step, kind Kind) bool {
	for _, s := range steps {
		if s.Kind == kind {
			return true
		}
	}
	return false
}

// Maintenance is how the steps of a backup stand, in the words of the documented
// API; empty: there are none. Until the last one has ended it names the one that
// runs, or is to run now: who waits for the end must not take the end of one
// step for it.
//
// late: the step that is to run now should have been heard of long ago. Like a job
// of which nothing is heard it counts as failed then, until somebody tells better.
func (a After) Maintenance(backup Status, steps []Step, late bool) string {
	for _, s := range steps {
		if !s.Status.Final() {
			return "running_" + string(s.Kind)
		}
	}
	next, more := a.NextStep(backup, steps)
	if more && !late {
		return "running_" + string(next)
	}
	for _, s := range steps {
		if !s.Status.Good() {
			return string(s.Kind) + "_failed"
		}
	}
	if more {
		return string(next) + "_failed"
	}
	switch len(steps) {
	case 0:
		return ""
	case 1:
		return string(steps[0].Kind) + "_completed"
	}
	return "maintenance_completed"
}
