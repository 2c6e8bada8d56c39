package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"borgfleet/controller/internal/fault"
	"borgfleet/scripts/faultfs"
	"borgfleet/shared/job"
)

func TestMain(m *testing.M) {
	faultfs.Serving()
	if dir := os.Getenv(crashDirVar); dir != "" {
		crashChild(dir) // never returns
	}
	goleak.VerifyTestMain(m)
}

var t0 = time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)

func testOptions() Options {
	return Options{MemTableSize: 4 << 20, BlockCache: 4 << 20, IndexCache: 4 << 20, KeepFree: 1 << 20}
}

func open(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(dir, testOptions())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// reopened closes s and opens its directory again.
func reopened(t testing.TB, s *Store) *Store {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return open(t, s.dir.path)
}

func update(t testing.TB, s *Store, fn func(tx *Tx) error) {
	t.Helper()
	if err := s.Update(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

func newJob(id int64, agent string) job.Job {
	k, err := job.NewKey()
	if err != nil {
		panic(err)
	}
	return job.New(id, k, agent, job.Spec{
		Kind:       job.Backup,
		Repository: job.Repository{ID: 7, Name: "home", Path: "/srv/backup", Sources: []string{"/home"}},
		CreatedAt:  t0.Add(time.Duration(id) * time.Second), StartDeadline: t0.Add(24 * time.Hour),
		TriggeredBy: job.ByManual,
	})
}

// addJob stores a new pending job.
func addJob(t testing.TB, s *Store, agent string) job.Job {
	t.Helper()
	var j job.Job
	update(t, s, func(tx *Tx) error {
		j = newJob(tx.NewJobID(), agent)
		return tx.PutJob(j)
	})
	return j
}

func ended(j job.Job, st job.Status) job.Job {
	code := 0
	v := &job.Verdict{
		Status: st, StartedAt: j.Spec.CreatedAt.Add(time.Second), EndedAt: j.Spec.CreatedAt.Add(time.Minute),
		Progress: job.Progress{OriginalSize: 1000, DedupSize: 10, TotalSource: job.TotalNone}, ExitCode: &code,
	}
	j.Register = job.Register{
		Incarnation: 1, Version: 9, Phase: job.PhaseStarted, StartedAt: v.StartedAt, Verdict: v,
		Progress: job.Progress{TotalSource: job.TotalNone},
	}
	j.Verdict, j.Status = v, st
	return j
}

func lines(from, n uint64) []job.Record {
	recs := make([]job.Record, 0, n)
	for i := from; i < from+n; i++ {
		recs = append(recs, job.Record{
			Number: i, Time: t0.Add(time.Duration(i) * time.Millisecond), Level: job.LevelInfo,
			Source: "borg", Text: fmt.Sprintf("/home/user/file-%d", i), Consumed: i * 20,
		})
	}
	return recs
}

func wantJob(t testing.TB, s *Store, want job.Job) {
	t.Helper()
	got, ok, err := s.Job(want.ID)
	if err != nil || !ok {
		t.Fatalf("job %d: there %v, %v", want.ID, ok, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("job %d (-want +got):\n%s", want.ID, diff)
	}
}

func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) || f.Code != code {
		t.Fatalf("error %v, want the code %s", err, code)
	}
}

func waitFor(t testing.TB, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("waited for too long")
		}
	}
}
