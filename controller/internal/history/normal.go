package history

import (
	"math"
	"sync/atomic"
	"time"
)

// What shrank is told by the last backup of a usual size, and not by the one
// before: after a loss the second small backup is as big as the first. So the good
// backups of a repository are gone through in their order. One of less than half of
// the last normal size is shrunk, and any other is the new normal one.
//
// That comes to the same if the oldest are gone, and those after the last normal one,
// as long as that one is there: whoever deletes jobs must begin with the oldest, and
// spare it.

// shrank says whether a backup of this size is less than half of a normal one.
// Nothing is no size to go by.
func shrank(size, normal int64) bool { return size < normal-size }

// Shrunk says whether the newest good backup is less than half of the last normal
// one.
func (l Last) Shrunk() bool { return l.Normal.ID != 0 && l.Normal.ID != l.Good.ID }

// next is the normal backup after one more good one, the newest.
func (l last) next(m mark) mark {
	switch {
	case m.pos.created < l.accepted:
		return l.normal
	case l.normal.pos.IsZero(), !shrank(m.original, l.normal.original):
		return m
	}
	return l.normal
}

// stands says that a good backup which comes late changes nothing of what is normal.
// Before the normal one, it does not if that is normal beside it: were it normal
// itself, and others after it not, or others that were not, then what they lead to is
// still no more than twice the normal one, so that this ends as before.
func (l last) stands(late mark) bool {
	switch {
	case late.pos.created < l.accepted:
		return true
	case late.pos.compare(l.normal.pos) < 0:
		return !shrank(l.normal.original, late.original)
	}
	return late.pos != l.normal.pos && shrank(late.original, l.normal.original)
}

// Accept says that the sizes of a repository count from this time on, and that those
// before are nothing to go by.
func (ix *Index) Accept(repository int64, from time.Time) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	number := ix.repositories.of(repository)
	now := ix.lasts.of(number)
	at, before := accepted(from), now.accepted
	now.accepted = at
	if at < before || now.normal.pos.created < at { // else it is as if the oldest were gone
		now.normal = ix.normal(number, at)
	}
	ix.lasts.set(number, now)
}

func accepted(from time.Time) int64 {
	if from.IsZero() {
		return math.MinInt64
	}
	return nanos(from)
}

// normal goes through the good backups of a repository. The writer's lock is held.
func (ix *Index) normal(repository uint32, accepted int64) mark {
	m := ix.matcher(goodBackup())
	m.equal(repositoryColumn, repository, pickRepository)
	m.since = max(m.since, accepted)
	var newestFirst []mark
	ix.scan(&m, Position{}, func(c *chunk, i int) bool {
		newestFirst = append(newestFirst, c.mark(i))
		return true
	})
	l := last{accepted: accepted}
	for i := len(newestFirst) - 1; i >= 0; i-- {
		l.normal = l.next(newestFirst[i])
	}
	return l.normal
}

// normals does that for all repositories at once, when the index was loaded.
func (ix *Index) normals() {
	s := ix.snap.Load()
	good := goodBackup()
	kinds, statuses := kindMask(good.Kinds), statusMask(good.Statuses)
	for ci, c := range s.chunks {
		for i := range s.count(ci) {
			if attr := c.attr[i]; attr&kinds == 0 || attr&statuses == 0 {
				continue
			}
			l := &ix.lasts.by[c.repository[i]]
			l.normal = l.next(c.mark(i))
		}
	}
}

// mark is row i in short.
func (c *chunk) mark(i int) mark {
	return mark{
		pos: c.position(i), ended: atomic.LoadUint32(&c.ended[i]),
		status: statusIn(atomic.LoadUint32(&c.attr[i])), original: atomic.LoadInt64(&c.original[i]),
	}
}
