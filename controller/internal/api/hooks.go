package api

import (
	"borgfleet/controller/internal/api/rest"
	"borgfleet/shared/job"
)

// hooks reads what a definition names. Whether there are such hooks, and whether
// they may be run, is the host's to say.
func (o *object) hooks(name string) (h job.Hooks) {
	raw, there := o.get(name)
	if !there {
		return h
	}
	if raw[0] != '{' {
		o.bad.add(o.loc(name), "it must be an object of arrays, not %s", nameOf(raw))
		return h
	}
	inner := newObject(o.loc(name), raw, o.bad)
	at := func(t job.HookTime) []string {
		return inner.texts(string(t), job.MostHooks, saying(job.CheckHookName))
	}
	h = job.Hooks{
		Before: at(job.HookBefore), After: at(job.HookAfter), OnFailure: at(job.HookOnFailure),
		OnWarning: at(job.HookOnWarning), Always: at(job.HookAlways),
	}
	inner.noOthers()
	return h
}

func hooksBody(h job.Hooks) rest.Hooks {
	return rest.Hooks{
		Before: orEmpty(h.Before), After: orEmpty(h.After), OnFailure: orEmpty(h.OnFailure),
		OnWarning: orEmpty(h.OnWarning), Always: orEmpty(h.Always),
	}
}
