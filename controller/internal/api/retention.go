package api

import (
	"borgfleet/controller/internal/api/rest"
	"borgfleet/shared/job"
)

// readKeep reads a rule; given is whether any part of it is there.
func readKeep(o *object) (keep job.Keep, given bool) {
	for _, c := range keep.Counts() {
		_, there := o.get(c.Name)
		given = given || there
		*c.N, _ = o.number(c.Name, 0, job.MostKeep)
	}
	_, there := o.get(job.KeepWithin)
	keep.Within = o.checked(job.KeepWithin, false, saying(job.CheckWithin))
	return keep, given || there
}

// readRetention reads a repository's; null is none.
func readRetention(body *object) job.Keep {
	raw, given := body.get("retention")
	if !given {
		return job.Keep{}
	}
	at := body.loc("retention")
	if raw[0] != '{' {
		body.bad.add(at, "it must be an object such as {\"keep_daily\": 7}, or null, and not %s", nameOf(raw))
		return job.Keep{}
	}
	before := len(body.bad.fields)
	o := newObject(at, raw, body.bad)
	keep, _ := readKeep(o)
	o.noOthers()
	if err := keep.Check(); err != nil && len(body.bad.fields) == before {
		body.bad.add(at, "%v; null is no retention", err)
	}
	return keep
}

// retentionBody is nil for none.
func retentionBody(k job.Keep) *rest.Retention {
	if k == (job.Keep{}) {
		return nil
	}
	return &rest.Retention{Hourly: k.Hourly, Daily: k.Daily, Weekly: k.Weekly, Monthly: k.Monthly, Quarterly: k.Quarterly, Yearly: k.Yearly, Within: orNull(k.Within)}
}
