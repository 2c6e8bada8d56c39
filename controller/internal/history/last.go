package history

import (
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

// Last is the newest backup of a repository, and the newest one that left an
// archive to rely on.
type Last struct {
	Job  Mark
	Good Mark
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

type last struct{ job, good mark }

type lasts struct {
	mu sync.RWMutex // guards by, which one writer changes
	by []last       // by the repository's number
}

func newLasts() *lasts { return &lasts{} }

// of gives what is noted of a repository. The writer needs no lock for it.
func (l *lasts) of(repository uint32) last {
	if int(repository) < len(l.by) {
		return l.by[repository]
	}
	return last{}
}

func (l *lasts) set(repository uint32, now last) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for int(repository) >= len(l.by) {
		l.by = append(l.by, last{})
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
	return Last{Job: l.job.public(), Good: l.good.public()}
}

// put takes note of a backup. The writer's lock is held.
func (l *lasts) put(repository uint32, p packed, ix *Index) {
	old := l.of(repository)
	now := old
	m := mark{pos: p.pos, ended: p.ended, status: p.status, original: p.original}
	if old.job.pos.IsZero() || old.job.pos.compare(p.pos) <= 0 {
		now.job = m
	}
	switch {
	case p.good() && (old.good.pos.IsZero() || old.good.pos.compare(p.pos) <= 0):
		now.good = m
	case !p.good() && old.good.pos == p.pos:
		now.good = ix.newest(repository, goodBackup())
	}
	if now != old {
		l.set(repository, now)
	}
}

// forget looks again if p was the last one. The writer's lock is held, and p is
// no longer in the index.
func (l *lasts) forget(repository uint32, p Position, ix *Index) {
	old := l.of(repository)
	if old.job.pos != p && old.good.pos != p {
		return
	}
	l.set(repository, last{
		job:  ix.newest(repository, anyBackup()),
		good: ix.newest(repository, goodBackup()),
	})
}
