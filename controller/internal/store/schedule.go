package store

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/dgraph-io/badger/v4"
	"google.golang.org/protobuf/types/known/timestamppb"

	storev1 "borgfleet/shared/proto/store/v1"
	"borgfleet/shared/schedule"
	"borgfleet/shared/wire"
)

// Schedule is when repositories are backed up. What their hosts have of it goes
// with the repositories' definitions.
type Schedule struct {
	schedule.Schedule
	Repositories []int64 // sorted
	CreatedAt    time.Time
	Since        time.Time // it is due when it is since then: what it would have named before is not missed
	By           string    // who made it

	Added map[int64]time.Time // when a repository came to it, if that was later than Since
	// Keys are those of hosts that had them before this store was restored: theirs
	// are made of a key that is lost.
	Keys map[int64]schedule.Key
}

// For is the schedule as the host of a repository is told it.
func (s Schedule) For(repository int64) schedule.Schedule {
	one := s.Schedule
	if key, had := s.Keys[repository]; had {
		one.Key = key
	} else {
		one.Key = s.Key.For(repository)
	}
	return one
}

// SinceFor is from when on the schedule is due for a repository.
func (s Schedule) SinceFor(repository int64) time.Time {
	if at := s.Added[repository]; at.After(s.Since) {
		return at
	}
	return s.Since
}

// NewScheduleID gives an id that no schedule has had.
func (tx *Tx) NewScheduleID() int64 {
	id := tx.s.next.schedule
	tx.s.next.schedule++
	tx.keep(tx.set([]byte(nextScheduleKey), number(uint64(tx.s.next.schedule))))
	return id
}

// ScheduleIDGiven says whether some schedule has, or had, the id.
func (tx *Tx) ScheduleIDGiven(id int64) bool { return id > 0 && id < tx.s.next.schedule }

// PutSchedule stores a schedule, new or changed. Who has its repositories is to
// be told by the caller.
func (tx *Tx) PutSchedule(s Schedule) error {
	tx.changedSchedule()
	return putRecord(tx, idKey(schedulePrefix, s.ID), scheduleToProto(s), schedulesOf, s.ID, s)
}

// DeleteSchedule removes a schedule. The jobs that it made stay.
func (tx *Tx) DeleteSchedule(id int64) error {
	tx.changedSchedule()
	return removeRecord(tx, idKey(schedulePrefix, id), schedulesOf, id)
}

func (tx *Tx) changedSchedule() {
	tx.OnCommit(func() { tx.s.versions.schedules.Add(1) })
}

// Schedule gives the schedule with this id.
func (tx *Tx) Schedule(id int64) (Schedule, bool) { return tx.s.working.schedules.get(id) }

// Schedules gives all schedules by id.
func (tx *Tx) Schedules() []Schedule { return sortedSchedules(&tx.s.working) }

// Schedule gives the schedule with this id.
func (s *Store) Schedule(id int64) (Schedule, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.published.schedules.get(id)
}

// Schedules gives all schedules by id.
func (s *Store) Schedules() []Schedule {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return sortedSchedules(&s.published)
}

// SchedulesOf gives a repository's schedules by id, as its host is told them.
func (s *Store) SchedulesOf(repository int64) []schedule.Schedule {
	var out []schedule.Schedule
	s.mu.RLock()
	for _, one := range s.published.schedules {
		if _, has := slices.BinarySearch(one.Repositories, repository); has {
			out = append(out, one.For(repository))
		}
	}
	s.mu.RUnlock()
	slices.SortFunc(out, func(a, b schedule.Schedule) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

func (s *Store) loadSchedules(txn *badger.Txn) error {
	var bad error
	err := loadTable(txn, schedulePrefix, func(p *storev1.Schedule) {
		one, err := scheduleFromProto(p)
		if err != nil {
			bad = fmt.Errorf("read schedule %d: %w", p.Definition.GetId(), err)
			return
		}
		s.both(put(schedulesOf, one.ID, one))
	})
	return firstError(err, bad)
}

func scheduleToProto(s Schedule) *storev1.Schedule {
	p := &storev1.Schedule{
		Definition: wire.FromSchedule(s.Schedule), Repositories: s.Repositories,
		CreatedAt: stamp(s.CreatedAt), Since: stamp(s.Since), By: text(s.By),
		Added: map[int64]*timestamppb.Timestamp{}, Keys: map[int64][]byte{},
	}
	for id, key := range s.Keys {
		p.Keys[id] = key[:]
	}
	for id, at := range s.Added {
		p.Added[id] = stamp(at)
	}
	return p
}

func scheduleFromProto(p *storev1.Schedule) (Schedule, error) {
	def, err := wire.ToSchedule(p.Definition)
	added := map[int64]time.Time{}
	for id, at := range p.Added {
		added[id] = instant(at)
	}
	keys := map[int64]schedule.Key{}
	for id, b := range p.Keys {
		if key, err := schedule.KeyFromBytes(b); err == nil {
			keys[id] = key
		}
	}
	return Schedule{
		Added: added, Keys: keys,
		Schedule: def, Repositories: p.Repositories,
		CreatedAt: instant(p.CreatedAt), Since: instant(p.Since), By: p.By,
	}, err
}

func schedulesOf(st *state) table[int64, Schedule] { return st.schedules }

func sortedSchedules(st *state) []Schedule {
	return st.schedules.sorted(func(a, b *Schedule) int { return cmp.Compare(a.ID, b.ID) })
}
