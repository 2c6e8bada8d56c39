package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/history"
	"borgfleet/shared/job"
)

func TestMain(m *testing.M) {
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

// TestNothingIsLostOnClose stores one of everything and reads it back from the
// disk.
func TestNothingIsLostOnClose(t *testing.T) {
	s := open(t, t.TempDir())
	id := s.ID()
	agent := Agent{
		ID: "a1", Name: "alpha", Hostname: "alpha.example", Labels: map[string]string{"site": "x"},
		Version: "1.0.0", StateID: "s", Borg: []BorgBinary{{Path: "/usr/bin/borg", Version: "1.4.0", Problem: "old"}},
		AgeRecipient: "age1", EnrolledAt: t0, LastContactAt: t0, CertificateExpiresAt: t0, ValidFrom: t0,
		Revoked: true, Paused: true, MaxParallel: 2, PublicKeySHA256: []byte{1, 2},
	}
	repo := Repository{
		Repository: job.Repository{ID: 1, Name: "home", Path: "/srv", Encryption: "none", Sources: []string{"/home"},
			ExcludePatterns: []string{"*.o"}, ExcludeIfPresent: []string{".nobackup"}, FileLog: job.FileLogNone},
		Agent: "a1", Status: RepositoryFailed, ErrorCode: "x", ErrorMessage: "y",
		AlreadyExisted: true, CreatedAt: t0, InitJob: 1,
	}
	token := JoinToken{Hash: []byte{9}, Name: "n", Labels: map[string]string{"a": "b"}, ExpiresAt: t0, UsesLeft: 2,
		Uses: []JoinTokenUse{{PublicKeySHA256: []byte{1}, Agent: "a1"}}}
	user := User{Name: "admin", PasswordHash: "$argon2id$", Role: "admin", CreatedAt: t0}
	rec := IdempotencyRecord{Job: 1, RequestSHA256: []byte{5}, ExpiresAt: time.Now().Add(time.Hour).UTC()}
	waiting := newJob(1, "a1")
	done := ended(newJob(2, "a1"), job.Completed)
	update(t, s, func(tx *Tx) error {
		return errors.Join(
			tx.PutAgent(agent), tx.PutRepository(repo), tx.PutJoinToken(token), tx.PutUser(user),
			tx.PutIdempotency("key", rec), tx.PutJob(waiting), tx.PutJob(done),
			tx.AppendLog(2, 1, lines(1, 3)))
	})
	for range 2 {
		update(t, s, func(tx *Tx) error {
			check := func(what string, want, got any, ok bool) {
				if diff := cmp.Diff(want, got); !ok || diff != "" {
					t.Errorf("%s (-want +got):\n%s", what, diff)
				}
			}
			a, ok := tx.Agent("a1")
			check("agent", agent, a, ok)
			a, ok = tx.AgentByName("alpha")
			check("agent by name", agent, a, ok)
			r, ok := tx.Repository(1)
			check("repository", repo, r, ok)
			tk, ok := tx.JoinToken(token.Hash)
			check("token", token, tk, ok)
			u, ok := tx.User("admin")
			check("user", user, u, ok)
			i, ok, err := tx.Idempotency("key")
			check("idempotency", rec, i, ok)
			return err
		})
		check := func(what string, want, got any) {
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
		}
		check("agents", []Agent{agent}, s.Agents())
		check("repositories", []Repository{repo}, s.Repositories())
		check("tokens", []JoinToken{token}, s.JoinTokens())
		check("users", []User{user}, s.Users())
		check("active", []job.Job{waiting}, s.ActiveJobs())
		wantJob(t, s, waiting)
		wantJob(t, s, done)
		for _, j := range []job.Job{waiting, done} {
			if got, ok, err := s.JobByKey(j.Key); got != j.ID || !ok || err != nil {
				t.Errorf("key of job %d gives %d, %v, %v", j.ID, got, ok, err)
			}
		}
		recs, err := s.Log(2, 1, 10)
		if err != nil {
			t.Fatal(err)
		}
		check("log", lines(1, 3), recs)
		jobs, next, err := s.Query(history.Filter{}, "", 10)
		if err != nil || next != "" {
			t.Fatal(next, err)
		}
		check("history", []job.Job{done, waiting}, jobs)
		last := s.LastJobs(7)
		if last.Job.ID != 2 || last.Good.ID != 2 {
			t.Errorf("last jobs: %+v", last)
		}
		s = reopened(t, s)
		if s.ID() != id {
			t.Error("the store's id is another one")
		}
	}
}

// TestAFailureHurtsNobodyElse: an update that fails or panics leaves nothing
// behind, and those of its group are stored.
func TestAFailureHurtsNobodyElse(t *testing.T) {
	s := open(t, t.TempDir())
	keep := addJob(t, s, "a1")
	boom := errors.New("boom")
	hold := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { _ = s.Update(context.Background(), func(*Tx) error { <-hold; return nil }) })

	errs := make([]error, 30)
	for i := range errs {
		wg.Go(func() {
			errs[i] = s.Update(context.Background(), func(tx *Tx) error {
				if j, ok, _ := tx.Job(keep.ID); !ok || j.Sent {
					t.Error("a failed update can be seen")
				}
				j := newJob(tx.NewJobID(), "a1")
				err := errors.Join(tx.PutJob(j), tx.AppendLog(j.ID, 1, lines(1, 5)),
					tx.PutAgent(Agent{ID: fmt.Sprint(i), Name: fmt.Sprint(i)}))
				if err != nil || i%3 == 0 {
					return err
				}
				changed := keep
				changed.Sent = true
				if err := tx.PutJob(changed); err != nil {
					return err
				}
				tx.OnCommit(func() { t.Error("called for an update that failed") })
				if i%3 == 1 {
					panic("oh")
				}
				return boom
			})
		})
	}
	close(hold)
	wg.Wait()
	good := 0
	for i, err := range errs {
		switch i % 3 {
		case 0:
			good++
			if err != nil {
				t.Errorf("%d: %v", i, err)
			}
		case 2:
			if !errors.Is(err, boom) {
				t.Errorf("%d: %v", i, err)
			}
		default:
			if err == nil {
				t.Errorf("%d: a panic went unnoticed", i)
			}
		}
	}
	for range 2 {
		if n := len(s.ActiveJobs()); n != good+1 || s.Count() != n || len(s.Agents()) != good {
			t.Fatalf("%d active, %d in the history, %d agents; want %d", n, s.Count(), len(s.Agents()), good)
		}
		wantJob(t, s, keep)
		s = reopened(t, s)
	}
}

// TestAFailedCommitChangesNothing: neither memory nor the next reader knows
// anything of it, and everyone of the group hears of it.
func TestAFailedCommitChangesNothing(t *testing.T) {
	s := open(t, t.TempDir())
	keep := addJob(t, s, "a1")
	real := s.write
	disk := errors.New("disk")
	s.write = func(map[string]write) error { return disk }
	err := s.Update(context.Background(), func(tx *Tx) error {
		changed := ended(keep, job.Completed)
		tx.OnCommit(func() { t.Error("called without a commit") })
		return errors.Join(tx.PutJob(changed), tx.PutJob(newJob(tx.NewJobID(), "a2")),
			tx.PutAgent(Agent{ID: "a1", Name: "x"}), tx.AppendLog(keep.ID, 1, lines(1, 2)))
	})
	if !errors.Is(err, disk) {
		t.Fatal(err)
	}
	s.write = real
	update(t, s, func(tx *Tx) error { // the committer's own view is the old one too
		if j, _, _ := tx.Job(keep.ID); j.Status != job.Pending || len(tx.Active("a1")) != 1 || len(tx.Agents()) != 0 {
			t.Error("the working state has changed")
		}
		return tx.AppendLog(keep.ID, 1, lines(1, 2))
	})
	wantJob(t, s, keep)
	if s.Count() != 1 || len(s.Agents()) != 0 || len(s.ActiveJobs()) != 1 {
		t.Error("the published state has changed")
	}
	if next := addJob(t, s, "a1"); next.ID <= keep.ID+1 {
		t.Errorf("id %d was given before", next.ID)
	}
}

// TestAnswerComesAfterTheDisk: nobody hears of success, and nobody sees the
// change, before the write has returned.
func TestAnswerComesAfterTheDisk(t *testing.T) {
	s := open(t, t.TempDir())
	real := s.write
	synced, release := make(chan struct{}), make(chan struct{})
	s.write = func(w map[string]write) error {
		close(synced)
		<-release
		return real(w)
	}
	var order []string
	done := make(chan error, 1)
	go func() {
		done <- s.Update(context.Background(), func(tx *Tx) error {
			tx.OnCommit(func() { order = append(order, "first") })
			tx.OnCommit(func() { order = append(order, "second") })
			return tx.PutJob(newJob(tx.NewJobID(), "a1"))
		})
	}()
	<-synced
	select {
	case <-done:
		t.Fatal("answered before the write was done")
	default:
	}
	if s.Count() != 0 || len(s.ActiveJobs()) != 0 {
		t.Fatal("visible before the write was done")
	}
	close(release)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"first", "second"}, order); diff != "" {
		t.Error(diff)
	}
}

// TestOneSyncServesEveryone: who waits while the disk is busy goes to it
// together.
func TestOneSyncServesEveryone(t *testing.T) {
	s := open(t, t.TempDir())
	hold, held := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { _ = s.Update(context.Background(), func(*Tx) error { close(held); <-hold; return nil }) })
	<-held
	for range 100 {
		wg.Go(func() { addJob(t, s, "a1") })
	}
	waitFor(t, func() bool { s.queue.mu.Lock(); defer s.queue.mu.Unlock(); return len(s.queue.waiting) == 100 })
	close(hold)
	wg.Wait()
	if n := s.Stats().Commits; n != 1 {
		t.Errorf("%d commits for 100 jobs that waited together", n)
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

// TestContext: an update whose caller has gone is not carried out, one that has
// begun is.
func TestContext(t *testing.T) {
	s := open(t, t.TempDir())
	hold, held := make(chan struct{}), make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	begun := make(chan error, 1)
	go func() {
		begun <- s.Update(ctx, func(tx *Tx) error {
			close(held)
			<-hold
			return tx.PutAgent(Agent{ID: "begun", Name: "begun"})
		})
	}()
	<-held
	waiting := make(chan error, 1)
	go func() {
		waiting <- s.Update(ctx, func(tx *Tx) error { return tx.PutAgent(Agent{ID: "waiting", Name: "waiting"}) })
	}()
	waitFor(t, func() bool { s.queue.mu.Lock(); defer s.queue.mu.Unlock(); return len(s.queue.waiting) == 1 })
	cancel()
	if err := <-waiting; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	close(hold)
	if err := <-begun; err != nil {
		t.Error(err)
	}
	if err := s.Sync(context.Background()); err != nil {
		t.Fatal(err)
	}
	if a := s.Agents(); len(a) != 1 || a[0].ID != "begun" {
		t.Errorf("%+v", a)
	}
	if err := s.Update(ctx, func(*Tx) error { t.Error("ran"); return nil }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestLiveStateStaysOffTheDisk: progress costs no commit, is seen at once, and
// a restart forgets it.
func TestLiveStateStaysOffTheDisk(t *testing.T) {
	s := open(t, t.TempDir())
	j := addJob(t, s, "a1")
	before := s.Stats().Commits
	live := j
	live.Register.Progress.NFiles = 5
	update(t, s, func(tx *Tx) error {
		tx.SetLive(live)
		if got := tx.Active("a1"); len(got) != 1 || got[0].Register.Progress.NFiles != 5 {
			t.Error("the update does not see its own change")
		}
		return nil
	})
	if s.Stats().Commits != before {
		t.Error("progress was written to the disk")
	}
	wantJob(t, s, live)
	s = reopened(t, s)
	got, _, _ := s.Job(j.ID)
	if got.Register.Progress.NFiles != 0 {
		t.Error("progress was stored after all")
	}
	if err := s.Update(context.Background(), func(tx *Tx) error {
		tx.SetLive(ended(j, job.Failed))
		return nil
	}); err == nil {
		t.Error("a job ended in memory only")
	}
}

// TestOneKeyOneJob: the guard holds within a group, across commits and across
// a restart.
func TestOneKeyOneJob(t *testing.T) {
	s := open(t, t.TempDir())
	j := addJob(t, s, "a1")
	double := func(tx *Tx) error {
		d := newJob(tx.NewJobID(), "a2")
		d.Key = j.Key
		return tx.PutJob(d)
	}
	for range 2 {
		if err := s.Update(context.Background(), double); !errors.Is(err, ErrKeyTaken) {
			t.Fatal(err)
		}
		s = reopened(t, s)
	}
	err := s.Update(context.Background(), func(tx *Tx) error {
		a, b := newJob(tx.NewJobID(), "a1"), newJob(tx.NewJobID(), "a1")
		b.Key = a.Key
		return errors.Join(tx.PutJob(a), tx.PutJob(b))
	})
	if !errors.Is(err, ErrKeyTaken) {
		t.Fatal(err)
	}
}

// TestQueuesOfAgentsAndPlaces follows jobs through their life.
func TestQueuesOfAgentsAndPlaces(t *testing.T) {
	s := open(t, t.TempDir())
	var a, b, c job.Job
	update(t, s, func(tx *Tx) error {
		a, b, c = newJob(tx.NewJobID(), "a1"), newJob(tx.NewJobID(), "a2"), newJob(tx.NewJobID(), "a1")
		b.Spec.Repository.Path, c.Spec.Repository.Path = "ssh://host/repo", "ssh://HOST:22/repo"
		c.Spec.Repository.BorgID = "abc"
		return errors.Join(tx.PutJob(c), tx.PutJob(a), tx.PutJob(b))
	})
	ids := func(jobs []job.Job) (out []int64) {
		for _, j := range jobs {
			out = append(out, j.ID)
		}
		return out
	}
	check := func(what string, got []job.Job, want ...int64) {
		t.Helper()
		if diff := cmp.Diff(want, ids(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	for range 2 {
		check("of a1", s.Active("a1"), a.ID, c.ID)
		check("at the host", s.AtLocation(Locations(b)...), b.ID, c.ID)
		check("under borg's id", s.AtLocation("borg:abc", Locations(b)[0], "borg:abc"), b.ID, c.ID)
		check("on a1's disk", s.AtLocation(Locations(a)...), a.ID)
		check("nowhere", s.AtLocation())
		s = reopened(t, s)
	}
	if running, waiting := s.ActiveCount("a1"); running != 0 || waiting != 2 {
		t.Error(running, waiting)
	}
	update(t, s, func(tx *Tx) error {
		if err := tx.PutJob(ended(b, job.Failed)); err != nil {
			return err
		}
		check("staged", tx.AtLocation(Locations(b)...), c.ID)
		return nil
	})
	check("after the end", s.AtLocation(Locations(b)...), c.ID)
	check("of a2", s.Active("a2"))
	update(t, s, func(tx *Tx) error { return tx.PutJob(b) }) // it lives after all
	check("reopened", s.AtLocation(Locations(b)...), b.ID, c.ID)
	wantJob(t, s, b)
}

// TestDeleteLeavesNothing: row, record, key and log go, and nothing else.
func TestDeleteLeavesNothing(t *testing.T) {
	s := open(t, t.TempDir())
	j, other := addJob(t, s, "a1"), addJob(t, s, "a1")
	if err := s.Update(context.Background(), func(tx *Tx) error { return tx.DeleteJob(j.ID) }); !errors.Is(err, ErrActive) {
		t.Fatal(err)
	}
	update(t, s, func(tx *Tx) error {
		return errors.Join(tx.PutJob(ended(j, job.Failed)), tx.AppendLog(j.ID, 1, lines(1, 10)), tx.AppendLog(other.ID, 1, lines(1, 10)))
	})
	if _, _, err := s.Job(j.ID); err != nil { // into the cache
		t.Fatal(err)
	}
	update(t, s, func(tx *Tx) error {
		return errors.Join(tx.AppendLog(j.ID, 11, lines(11, 5)), tx.DeleteJob(j.ID))
	})
	for range 2 {
		if _, ok, _ := s.Job(j.ID); ok {
			t.Error("the job is still there")
		}
		if _, ok, _ := s.JobByKey(j.Key); ok {
			t.Error("its key is still taken")
		}
		if recs, err := s.Log(j.ID, 1, 10); len(recs) != 0 || err != nil {
			t.Error("its log is still there", err)
		}
		if recs, _ := s.Log(other.ID, 1, 100); len(recs) != 10 || s.Count() != 1 {
			t.Error("another job was hit")
		}
		s = reopened(t, s)
	}
}

// TestClosed: who comes too late is told so, who was accepted is served.
func TestClosed(t *testing.T) {
	s := open(t, t.TempDir())
	var wg sync.WaitGroup
	var mu sync.Mutex
	stored := 0
	for range 50 {
		wg.Go(func() {
			err := s.Update(context.Background(), func(tx *Tx) error { return tx.PutJob(newJob(tx.NewJobID(), "a1")) })
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				stored++
			} else {
				wantCode(t, err, "stopping")
			}
		})
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if n := open(t, s.dir.path).Count(); n != stored {
		t.Errorf("%d jobs, %d acknowledged", n, stored)
	}
}

func TestIdempotencyExpires(t *testing.T) {
	opt := testOptions()
	now := time.Now()
	opt.Now = func() time.Time { return now }
	s, err := Open(t.TempDir(), opt)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	update(t, s, func(tx *Tx) error {
		return tx.PutIdempotency("k", IdempotencyRecord{Job: 3, ExpiresAt: now.Add(time.Hour)})
	})
	there := func() (ok bool) {
		update(t, s, func(tx *Tx) (err error) { _, ok, err = tx.Idempotency("k"); return err })
		return ok
	}
	if !there() {
		t.Error("gone too early")
	}
	now = now.Add(time.Hour)
	if there() {
		t.Error("still there")
	}
}

func TestTooMuchAtOnce(t *testing.T) {
	s := open(t, t.TempDir())
	j := addJob(t, s, "a1")
	err := s.Update(context.Background(), func(tx *Tx) error {
		for i := range 100_000 {
			if err := tx.PutAgent(Agent{ID: fmt.Sprint(i), Name: fmt.Sprint(i), AgeRecipient: "long enough to count"}); err != nil {
				return err
			}
		}
		return nil
	})
	if !errors.Is(err, ErrTooBig) || len(s.Agents()) != 0 {
		t.Fatal(err, len(s.Agents()))
	}
	wantJob(t, s, j)
}

func TestDirectory(t *testing.T) {
	t.Run("in use", func(t *testing.T) {
		s := open(t, t.TempDir())
		_, err := Open(s.dir.path, testOptions())
		wantCode(t, err, "data_dir_in_use")
	})
	t.Run("newer", func(t *testing.T) {
		s := open(t, t.TempDir())
		_ = s.Close()
		if err := os.WriteFile(filepath.Join(s.dir.path, versionFile), []byte("99\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(s.dir.path, testOptions())
		wantCode(t, err, "data_dir_newer")
	})
	t.Run("somebody else's", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "passwd"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(dir, testOptions())
		wantCode(t, err, "not_a_data_dir")
		if entries, _ := os.ReadDir(dir); len(entries) != 1 {
			t.Error("something was written there")
		}
	})
	t.Run("a file", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(file, testOptions())
		wantCode(t, err, "data_dir_unusable")
	})
	t.Run("mode", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "a", "b")
		open(t, dir)
		if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
			t.Error(info.Mode(), err)
		}
	})
	t.Run("first start cut short", func(t *testing.T) {
		dir := t.TempDir()
		for _, name := range []string{lockFile, versionFile + ".tmp"} {
			if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		addJob(t, open(t, dir), "a1")
	})
}

// TestNobodyReadsThePast: an ended job that changes (a late verdict) is read
// from memory by everyone, and from the moment its update is answered nobody
// gets the old one.
func TestNobodyReadsThePast(t *testing.T) {
	s := open(t, t.TempDir())
	j := ended(addJob(t, s, "a1"), job.Failed)
	update(t, s, func(tx *Tx) error { return tx.PutJob(j) })
	var answered atomic.Uint64
	answered.Store(j.LogNext)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				runtime.Gosched() // leave the writer a core
				least := answered.Load()
				got, ok, err := s.Job(j.ID)
				if err != nil || !ok || got.LogNext < least {
					t.Errorf("read %d after %d was answered: %v, %v", got.LogNext, least, ok, err)
					return
				}
			}
		})
	}
	for range 200 {
		j.LogNext++
		update(t, s, func(tx *Tx) error { return tx.PutJob(j) })
		answered.Store(j.LogNext)
	}
	close(stop)
	wg.Wait()
}

// TestPages reads all jobs a few at a time, across a restart, and refuses the
// cursor of another question.
func TestPages(t *testing.T) {
	s := open(t, t.TempDir())
	update(t, s, func(tx *Tx) error {
		for i := range 100 {
			j := newJob(tx.NewJobID(), fmt.Sprint("a", i%3))
			if i%2 == 0 {
				j = ended(j, job.Completed)
			}
			if err := tx.PutJob(j); err != nil {
				return err
			}
		}
		return nil
	})
	f := history.Filter{Agents: []string{"a1", "a2"}}
	var got []int64
	cursor := ""
	for {
		jobs, next, err := s.Query(f, cursor, 7)
		if err != nil {
			t.Fatal(err)
		}
		for _, j := range jobs {
			got = append(got, j.ID)
		}
		if cursor = next; cursor == "" {
			break
		}
		if len(got) == 28 {
			s = reopened(t, s)
		}
	}
	var want []int64
	for id := int64(100); id >= 1; id-- {
		if (id-1)%3 != 0 {
			want = append(want, id)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	_, next, _ := s.Query(f, "", 7)
	if _, _, err := s.Query(history.Filter{}, next, 7); !errors.Is(err, history.ErrCursor) {
		t.Error(err)
	}
}
