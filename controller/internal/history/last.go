package history

import (
	"math"
	"slices"
	"sync"
	"time"

	"borgfleet/shared/job"
)

// Mark is one job in short.
type Mark struct {
	ID        int64 // 0: there is none
	CreatedAt time.Time
	EndedAt   time.Time // whole seconds
	Status    job.Status
	Original  int64 // bytes read
}

// Last is the newest backup of a repository, the newest one that left an archive
// to rely on, and the last one of these whose size was normal.
type Last struct {
	Job    Mark
	Good   Mark
	Normal Mark
}

type mark struct {
	pos      Position
	ended    uint32
	status   uint8
	original int64
}

func (m mark) public() Mark {
	if m.pos.IsZero() {
		return Mark{}
	}
	return Mark{
		ID: m.pos.id, CreatedAt: fromNanos(m.pos.created), EndedAt: fromSeconds(m.ended), Original: m.original,
		Status: statusOf(m.status),
	}
}

type last struct {
	job, good, normal mark
	accepted          int64 // sizes of before are nothing to go by; nanoseconds
}

type lasts struct {
	mu        sync.RWMutex  // guards what follows, which one writer changes
	by        []last        // by the repository's number
	scheduled [][]scheduled // by the repository's number: few schedules have it
}

// scheduled is the newest backup of a repository that a schedule stands behind.
type scheduled struct {
	schedule uint32
	mark
}

func newLasts() *lasts { return &lasts{} }

// of gives what is noted of a repository. The writer needs no lock for it.
func (l *lasts) of(repository uint32) last {
	if int(repository) < len(l.by) {
		return l.by[repository]
	}
	return last{accepted: math.MinInt64}
}

func (l *lasts) set(repository uint32, now last) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for int(repository) >= len(l.by) {
		l.by = append(l.by, last{accepted: math.MinInt64})
	}
	l.by[repository] = now
}

// Last answers "how stale is it" without a scan.
func (ix *Index) Last(repository int64) Last {
	number, known := ix.repositories.known(repository)
	if !known {
		return Last{}
	}
	ix.lasts.mu.RLock()
	l := ix.lasts.of(number)
	ix.lasts.mu.RUnlock()
	return Last{Job: l.job.public(), Good: l.good.public(), Normal: l.normal.public()}
}

// LastScheduled is a repository's newest backup that a schedule stands behind.
func (ix *Index) LastScheduled(schedule, repository int64) Mark {
	of, known := ix.schedules.known(schedule)
	number, has := ix.repositories.known(repository)
	if !known || !has {
		return Mark{}
	}
	ix.lasts.mu.RLock()
	defer ix.lasts.mu.RUnlock()
	if m := ix.lasts.ofSchedule(number, of); m != nil {
		return m.public()
	}
	return Mark{}
}

// ofSchedule gives what is noted of a repository and a schedule; nil: nothing.
func (l *lasts) ofSchedule(repository, schedule uint32) *mark {
	if int(repository) >= len(l.scheduled) {
		return nil
	}
	for i := range l.scheduled[repository] {
		if one := &l.scheduled[repository][i]; one.schedule == schedule {
			return &one.mark
		}
	}
	return nil
}

// putScheduled takes note of a backup that a schedule stands behind.
func (l *lasts) putScheduled(repository, schedule uint32, m mark) {
	old := l.ofSchedule(repository, schedule)
	if old != nil && (*old == m || old.pos.compare(m.pos) > 0) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if old != nil {
		*old = m
		return
	}
	for int(repository) >= len(l.scheduled) {
		l.scheduled = append(l.scheduled, nil)
	}
	l.scheduled[repository] = append(l.scheduled[repository], scheduled{schedule, m})
}

// forgetScheduled looks again if p was the last one.
func (l *lasts) forgetScheduled(repository, schedule uint32, p Position, ix *Index) {
	old := l.ofSchedule(repository, schedule)
	if old == nil || old.pos != p {
		return
	}
	now := ix.newestOf(repository, schedule)
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.pos.IsZero() {
		l.scheduled[repository] = slices.DeleteFunc(l.scheduled[repository], func(s scheduled) bool { return s.schedule == schedule })
		return
	}
	*old = now
}

// put takes note of a backup, which is new or not what it was. The writer's lock is
// held.
func (l *lasts) put(e entry, p packed, ix *Index) {
	repository := e.repository
	old := l.of(repository)
	now := old
	m := mark{pos: p.pos, ended: p.ended, status: p.status, original: p.original}
	if p.schedule != 0 {
		l.putScheduled(repository, e.schedule, m)
	}
	if old.job.pos.IsZero() || old.job.pos.compare(p.pos) <= 0 {
		now.job = m
	}
	switch {
	case p.good() && (old.good.pos.IsZero() || old.good.pos.compare(p.pos) <= 0):
		now.good = m
	case !p.good() && old.good.pos == p.pos:
		now.good = ix.newest(repository, goodBackup())
	}
	switch newest := now.good.pos == m.pos && old.good.pos.compare(m.pos) < 0; {
	case ix.loading: // when all are there they are gone through at once
	case newest:
		now.normal = now.next(m)
	case p.good() && !now.stands(m), old.normal.pos == p.pos:
		now.normal = ix.normal(repository, now.accepted)
	}
	if now != old {
		l.set(repository, now)
	}
}

// forget looks again if p was the last one. The writer's lock is held, and p is
// no longer in the index.
func (l *lasts) forget(repository, schedule uint32, p Position, ix *Index) {
	l.forgetScheduled(repository, schedule, p, ix)
	old := l.of(repository)
	if old.job.pos != p && old.good.pos != p && old.normal.pos != p {
		return
	}
	l.set(repository, last{
		job:      ix.newest(repository, anyBackup()),
		good:     ix.newest(repository, goodBackup()),
		normal:   ix.normal(repository, old.accepted),
		accepted: old.accepted,
	})
}
