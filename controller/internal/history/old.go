package history

import (
	"iter"
	"sync/atomic"
	"time"

	"borgfleet/shared/job"
)

// Old is what decides how long a job is kept.
type Old struct {
	ID         int64
	CreatedAt  time.Time
	EndedAt    time.Time // by its host's clock; zero: it has not ended
	RecordedAt time.Time // when that was heard of, by ours; zero: it was not noted
	Repository int64
	LogGone    bool
	Sized      bool // a backup whose size is one to go by, or may come to be
}

// Oldest goes through the rows that were made before a moment, the oldest first,
// as they were when it began: rows may come and go meanwhile.
func (ix *Index) Oldest(before time.Time) iter.Seq[Old] {
	return func(yield func(Old) bool) {
		s, until := ix.snap.Load(), nanos(before)
		for ci, c := range s.chunks {
			for i := range s.count(ci) {
				if c.created[i] >= until || !yield(ix.old(c, i)) {
					return
				}
			}
		}
	}
}

func (ix *Index) old(c *chunk, i int) Old {
	attr := atomic.LoadUint32(&c.attr[i])
	o := Old{
		ID: c.id[i], CreatedAt: fromNanos(c.created[i]), Repository: ix.repositories.value(c.repository[i]),
		LogGone: attr&logGoneBit != 0,
	}
	status := statusOf(statusIn(attr))
	if status.Final() {
		o.EndedAt, o.RecordedAt = fromSeconds(atomic.LoadUint32(&c.ended[i])), fromSeconds(atomic.LoadUint32(&c.recorded[i]))
	}
	o.Sized = kindOf(kindIn(attr)) == job.Backup && (status.Good() || !status.Final())
	return o
}

// The ways in which a job can be the newest of its repository and kind.
const (
	newestOfAll = 1 << iota
	newestGood
	newestFailed
	newestWays = 3
)

// Newest gives, of the jobs made before a moment, those that are the newest of
// their kind for their repository: of all, of the good ones, or of the failed
// ones; and the backups that what is said of a repository goes by: the newest that
// a schedule stands behind, and the last of a normal size.
func (ix *Index) Newest(before time.Time) map[int64]bool {
	var seen []uint32 // by the repository's number: the ways of each kind that were found
	newest := map[int64]bool{}
	m, until := ix.matcher(Filter{}), nanos(before)
	ix.scan(&m, Position{}, func(c *chunk, i int) bool {
		attr, repository := atomic.LoadUint32(&c.attr[i]), c.repository[i]
		for int(repository) >= len(seen) {
			seen = append(seen, 0)
		}
		ways := waysOf(statusOf(statusIn(attr))) << (newestWays * uint32(kindIn(attr)))
		if seen[repository]&ways != ways && c.created[i] < until {
			newest[c.id[i]] = true
		}
		seen[repository] |= ways
		return true
	})
	ix.lasts.each(func(m mark) { newest[m.pos.id] = true })
	return newest
}

func waysOf(s job.Status) uint32 {
	switch {
	case s.Good():
		return newestOfAll | newestGood
	case s == job.Failed:
		return newestOfAll | newestFailed
	}
	return newestOfAll
}

// each goes through the newest backups that schedules stand behind, and the last
// ones of a normal size.
func (l *lasts) each(fn func(mark)) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for _, of := range l.by {
		fn(of.normal)
	}
	for _, of := range l.scheduled {
		for _, s := range of {
			fn(s.mark)
		}
	}
}
