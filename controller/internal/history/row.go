package history

import (
	"cmp"
	"math"
	"time"

	"borgfleet/shared/job"
)

// Row is what the index knows about a job.
type Row struct {
	ID          int64
	CreatedAt   time.Time // fixed for the life of the job
	StartedAt   time.Time // whole seconds; zero while it has not started, and if that is not known
	EndedAt     time.Time // whole seconds; zero while it has not ended
	RecordedAt  time.Time // whole seconds; when the end was heard of here, by this clock; zero: that was not noted
	Agent       string
	Repository  int64
	Schedule    int64 // 0: none
	Kind        job.Kind
	Status      job.Status
	TriggeredBy job.TriggeredBy
	Original    int64 // bytes read, of an ended job
	Dedup       int64 // bytes added to the repository, of an ended job
	LogGone     bool  // its log was removed: there is nothing to look for
}

// RowOf picks out of a job what can be filtered and summed up.
func RowOf(j job.Job) Row {
	r := Row{
		ID: j.ID, CreatedAt: j.Spec.CreatedAt, Agent: j.Agent,
		Repository: j.Spec.Repository.ID, Schedule: j.Spec.ScheduleID,
		Kind: j.Spec.Kind, Status: j.Status, TriggeredBy: j.Spec.TriggeredBy, LogGone: j.LogGone, RecordedAt: j.RecordedAt,
	}
	if !j.Ours { // when a lost job ended is not known, so how long it took is not either
		r.StartedAt = j.StartedAt()
	}
	if j.Verdict != nil {
		p := j.Progress()
		r.EndedAt, r.Original, r.Dedup = j.Verdict.EndedAt, p.OriginalSize, p.DedupSize
	}
	return r
}

// Position is the row's place in the order of the index.
func (r Row) Position() Position {
	return Position{created: nanos(r.CreatedAt), id: r.ID}
}

// Position is a place in the order of the index. The zero Position is before
// the newest row.
type Position struct {
	created int64 // Unix time in nanoseconds
	id      int64
}

// IsZero says whether the position is the one to begin with.
func (p Position) IsZero() bool { return p == Position{} }

// compare is the order of the index, oldest first.
func (p Position) compare(q Position) int {
	if c := cmp.Compare(p.created, q.created); c != 0 {
		return c
	}
	return cmp.Compare(p.id, q.id)
}

// nanos of a time beyond what 64 bits of nanoseconds hold (1678 to 2262) are
// the nearest ones: "until the year 9999" means until for ever.
func nanos(t time.Time) int64 {
	switch {
	case t.IsZero():
		return 0
	case t.Year() < 1678:
		return math.MinInt64
	case t.Year() > 2261:
		return math.MaxInt64
	}
	return t.UnixNano()
}

func fromNanos(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

// seconds keeps a time in four bytes, good until 2106.
func seconds(t time.Time) uint32 {
	if t.IsZero() || t.Unix() < 0 {
		return 0
	}
	return uint32(min(t.Unix(), 1<<32-1))
}

func fromSeconds(s uint32) time.Time {
	if s == 0 {
		return time.Time{}
	}
	return time.Unix(int64(s), 0).UTC()
}
