package notify

import (
	"slices"
	"strings"

	"borgfleet/controller/internal/store"
)

// Matches says whether a rule wants an event. Of what a rule names, one is enough;
// of the things that it names, all must fit: an event without a job has no kind of
// job, so a rule for kinds does not ask there.
func Matches(r store.Rule, e Event) bool {
	return r.Enabled && slices.Contains(r.Events, string(e.Event)) && beganWith(r, e) &&
		(len(r.Kinds) == 0 || e.Job == nil || slices.Contains(r.Kinds, e.Job.Kind)) &&
		(len(r.Agents) == 0 || e.Agent != nil && slices.Contains(r.Agents, e.Agent.ID)) &&
		(len(r.Repositories) == 0 || e.Repository != nil && slices.Contains(r.Repositories, e.Repository.ID)) &&
		(len(r.Labels) == 0 || e.Agent != nil && slices.ContainsFunc(r.Labels, e.Agent.labelled))
}

// beganWith: a rule that names what has begun hears that it is over only of that;
// people must not be told of the end of what they were not told of. One that names
// recovered alone wants to hear of every end.
func beganWith(r store.Rule, e Event) bool {
	return e.RecoveredFrom == nil || len(r.Events) == 1 || slices.Contains(r.Events, string(*e.RecoveredFrom))
}

func (a *Agent) labelled(label string) bool {
	key, value, _ := strings.Cut(label, "=")
	has, there := a.Labels[key]
	return there && has == value
}

// Channels are those that some rule has an event go to, each once.
func Channels(rules []store.Rule, e Event) []int64 {
	var out []int64
	for _, r := range rules {
		if Matches(r, e) {
			out = append(out, r.Channels...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Wanted says whether anybody wants to be told of anything.
func Wanted(rules []store.Rule) bool {
	return slices.ContainsFunc(rules, func(r store.Rule) bool { return r.Enabled && len(r.Channels) > 0 })
}
