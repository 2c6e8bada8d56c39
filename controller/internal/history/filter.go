package history

import (
	"encoding/binary"
	"hash/fnv"
	"slices"
	"time"

	"borgfleet/shared/job"
)

// Filter selects rows. A nil or zero field selects everything; a list that is
// empty but not nil selects nothing (a label that no agent has).
type Filter struct {
	Agents        []string
	Repositories  []int64
	Statuses      []job.Status
	Kinds         []job.Kind
	Schedule      int64
	ScheduledOnly bool      // fired by a schedule
	ManualOnly    bool      // not fired by a schedule
	Since         time.Time // on CreatedAt, inclusive
	Until         time.Time // on CreatedAt, exclusive

	// Scope, if set, is what a cursor is bound to in place of the fields above:
	// the question as it was asked. A label or a name can mean other agents by
	// the time of the next page, which is no reason to refuse it.
	Scope string
}

// hash names the question, for the same one in any order of its lists.
func (f Filter) hash() uint64 {
	h := fnv.New64a()
	num := func(n int64) { _ = binary.Write(h, binary.LittleEndian, n) }
	str := func(s string) { num(int64(len(s))); _, _ = h.Write([]byte(s)) }
	if f.Scope != "" {
		str("scope")
		str(f.Scope)
		return h.Sum64()
	}
	list := func(isNil bool, n int) {
		if isNil {
			n = -1
		}
		num(int64(n))
	}
	list(f.Agents == nil, len(f.Agents))
	for _, a := range slices.Sorted(slices.Values(f.Agents)) {
		str(a)
	}
	list(f.Repositories == nil, len(f.Repositories))
	for _, r := range slices.Sorted(slices.Values(f.Repositories)) {
		num(r)
	}
	list(f.Statuses == nil, len(f.Statuses))
	for _, s := range slices.Sorted(slices.Values(f.Statuses)) {
		str(string(s))
	}
	list(f.Kinds == nil, len(f.Kinds))
	for _, k := range slices.Sorted(slices.Values(f.Kinds)) {
		str(string(k))
	}
	num(f.Schedule)
	num(flag(f.ScheduledOnly) | flag(f.ManualOnly)<<1)
	num(nanos(f.Since))
	num(nanos(f.Until))
	return h.Sum64()
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// Match says whether the filter selects r.
func (f Filter) Match(r Row) bool {
	switch {
	case f.Agents != nil && !slices.Contains(f.Agents, r.Agent),
		f.Repositories != nil && !slices.Contains(f.Repositories, r.Repository),
		f.Statuses != nil && !slices.Contains(f.Statuses, r.Status),
		f.Kinds != nil && !slices.Contains(f.Kinds, r.Kind),
		f.Schedule != 0 && f.Schedule != r.Schedule,
		f.ScheduledOnly && r.TriggeredBy != job.BySchedule,
		f.ManualOnly && r.TriggeredBy == job.BySchedule,
		!f.Since.IsZero() && r.CreatedAt.Before(f.Since),
		!f.Until.IsZero() && !r.CreatedAt.Before(f.Until):
		return false
	}
	return true
}
