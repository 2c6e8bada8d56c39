package fleet

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

// benched is a fleet to measure with.
type benched struct {
	hosts, each int // repositories of each host
	by          int // repositories of each schedule
	nights      int // with a good backup of each repository
}

// benchFleet makes a fleet, none of which is there; one is a schedule of it.
func benchFleet(b *testing.B, of benched) (s *Service, one int64) {
	b.Helper()
	log := slog.New(slog.DiscardHandler)
	st, err := store.Open(b.TempDir(), store.Options{Logger: log})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { st.Close() })
	now := time.Now().UTC().Truncate(24 * time.Hour).Add(12 * time.Hour)
	s = New(Options{Store: st, Settings: DefaultSettings(), Logger: log, Now: func() time.Time { return now }})
	var repos []store.Repository
	benchSteps(b, st, of.hosts, func(tx *store.Tx, i int) error {
		a := store.Agent{ID: fmt.Sprintf("agent-%d", i), Name: fmt.Sprintf("host%d", i), Timezone: "Europe/Berlin", EnrolledAt: now}
		for n := range of.each {
			repo := store.Repository{Agent: a.ID, Status: store.RepositoryReady, CreatedAt: now.AddDate(0, -1, 0), Repository: job.Repository{
				ID: tx.NewRepositoryID(), Name: fmt.Sprintf("repo%d-%d", i, n), Path: fmt.Sprintf("/backups/%d/%d", i, n), Sources: []string{"/etc", "/home"},
			}}
			if err := tx.PutRepository(repo); err != nil {
				return err
			}
			repos = append(repos, repo)
		}
		return tx.PutAgent(a)
	})
	benchSteps(b, st, len(repos)/of.by, func(tx *store.Tx, i int) error {
		def := store.Schedule{Schedule: nightly(fmt.Sprintf("schedule%d", i)), CreatedAt: now, Since: now.AddDate(0, -1, 0)}
		def.Zone, def.Splay = "", time.Hour
		def.ID = tx.NewScheduleID()
		def.After.Check, def.CheckEvery = &job.CheckSpec{}, 7*24*time.Hour
		for _, repo := range repos[i*of.by : (i+1)*of.by] {
			def.Repositories = append(def.Repositories, repo.ID)
		}
		one = def.ID
		return tx.PutSchedule(def)
	})
	benchSteps(b, st, of.nights*len(repos), func(tx *store.Tx, i int) error {
		repo, night := repos[i%len(repos)], of.nights-i/len(repos)
		at := now.AddDate(0, 0, 1-night).Add(-9 * time.Hour)
		key, err := job.NewKey()
		if err != nil {
			return err
		}
		j := job.New(tx.NewJobID(), key, repo.Agent, job.Spec{
			Kind: job.Backup, Repository: repo.Repository, CreatedAt: at, StartDeadline: at.AddDate(0, 0, 1), TriggeredBy: job.BySchedule,
			ScheduleID: (repo.ID-1)/int64(of.by) + 1,
		})
		j.Status = job.Completed
		j.Verdict = &job.Verdict{Status: job.Completed, StartedAt: at, EndedAt: at.Add(10 * time.Minute)}
		return tx.PutJob(j)
	})
	return s, one
}

// benchSteps calls make n times, some in each update.
func benchSteps(b *testing.B, st *store.Store, n int, make func(tx *store.Tx, i int) error) {
	b.Helper()
	for i := 0; i < n; {
		err := st.Update(b.Context(), func(tx *store.Tx) error {
			for ; i < n && !tx.Full(); i++ {
				if err := make(tx, i); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
