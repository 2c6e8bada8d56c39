package fleet

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"borgfleet/controller/internal/store"
	"borgfleet/shared/schedule"
	"borgfleet/shared/wire"
)

// takeSchedules makes what a host holds of a repository's schedules the store's, for
// that repository alone: what one host says must not change when others are
// backed up. The key that the host has stays, so that no fire time makes a second
// backup.
func (s *Service) takeSchedules(tx *store.Tx, repo store.Repository, held []schedule.Schedule) error {
	for _, one := range tx.Schedules() {
		if _, has := slices.BinarySearch(one.Repositories, repo.ID); !has {
			continue
		}
		i := slices.IndexFunc(held, func(h schedule.Schedule) bool { return h.Key == one.For(repo.ID).Key })
		if i >= 0 && (len(one.Repositories) == 1 || sameRules(one.Schedule, held[i])) {
			one.Schedule = withRules(one.Schedule, held[i])
			if err := s.putSchedule(tx, one, one.Repositories); err != nil {
				return err
			}
			held = slices.Delete(slices.Clone(held), i, i+1)
			continue
		}
		if err := leaveSchedule(tx, one, repo.ID); err != nil {
			return err
		}
	}
	for _, h := range held {
		if err := s.takeSchedule(tx, repo, h); err != nil {
			return err
		}
	}
	return nil
}

// takeSchedule brings a repository to a schedule that says the same, or makes one
// for it alone.
func (s *Service) takeSchedule(tx *store.Tx, repo store.Repository, h schedule.Schedule) error {
	all := tx.Schedules()
	var next store.Schedule
	if i := slices.IndexFunc(all, func(one store.Schedule) bool {
		return sameRules(one.Schedule, h) && (one.ID == h.ID || one.Name == h.Name || strings.HasPrefix(one.Name, h.Name+" ("))
	}); i >= 0 {
		next = all[i]
	} else {
		now := s.now().UTC()
		next = store.Schedule{Schedule: h, CreatedAt: now, Since: now}
		next.Key, next.Name = schedule.NewKey(), s.freeName(tx, h, repo)
		if _, taken := tx.Schedule(h.ID); taken || !tx.ScheduleIDGiven(h.ID) {
			next.ID = tx.NewScheduleID()
		}
	}
	keys := map[int64]schedule.Key{repo.ID: h.Key}
	for id, key := range next.Keys {
		keys[id] = key
	}
	next.Keys = keys
	return s.putSchedule(tx, next, append(slices.Clone(next.Repositories), repo.ID))
}

// freeName is a schedule's name, told from another's by its host's.
func (s *Service) freeName(tx *store.Tx, h schedule.Schedule, repo store.Repository) string {
	taken := func(name string) bool {
		return slices.ContainsFunc(tx.Schedules(), func(one store.Schedule) bool { return one.Name == name })
	}
	name := h.Name
	for n := 0; taken(name); n++ {
		name = fmt.Sprintf("%s (%s)", h.Name, s.agentName(repo.Agent))
		if n > 0 {
			name = fmt.Sprintf("%s (%s, %d)", h.Name, s.agentName(repo.Agent), n+1)
		}
	}
	return name
}

// withRules is a schedule that goes by what another says, under its own id, key and
// name.
func withRules(own, rules schedule.Schedule) schedule.Schedule {
	rules.ID, rules.Key, rules.Name = own.ID, own.Key, own.Name
	return rules
}

// sameRules: all but id, key and name.
func sameRules(a, b schedule.Schedule) bool {
	return proto.Equal(wire.FromSchedule(a), wire.FromSchedule(withRules(a, b)))
}

func leaveSchedule(tx *store.Tx, one store.Schedule, repository int64) error {
	one.Repositories = slices.DeleteFunc(slices.Clone(one.Repositories), func(id int64) bool { return id == repository })
	return tx.PutSchedule(one)
}
