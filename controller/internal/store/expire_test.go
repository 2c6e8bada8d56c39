package store

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"borgfleet/controller/internal/history"
	"borgfleet/shared/job"
)

// expire removes jobs that have ended, with their logs.
func expire(t testing.TB, s *Store, ids ...int64) {
	t.Helper()
	for _, id := range ids {
		removeLog(t, s, id)
		if err := s.Expire(context.Background(), func(tx *Tx) error { return tx.ExpireJob(id) }); err != nil {
			t.Fatal(err)
		}
	}
}

func removeLog(t testing.TB, s *Store, id int64) {
	t.Helper()
	for {
		l, _, err := s.OldLog(id)
		if err != nil {
			t.Fatal(err)
		}
		update(t, s, func(tx *Tx) error { return tx.RemoveLog(l) })
		if !l.More() {
			return
		}
	}
}

// endedJob stores a job that has ended, with a log of so many lines.
func endedJob(t testing.TB, s *Store, agent string, n uint64) job.Job {
	t.Helper()
	j := addJob(t, s, agent)
	update(t, s, func(tx *Tx) error {
		if n > 0 {
			if err := tx.AppendLog(j.ID, 1, lines(1, n)); err != nil {
				return err
			}
		}
		j = ended(j, job.Failed)
		j.LogNext, j.Verdict.JournalEnd = n+1, n
		return tx.PutJob(j)
	})
	return j
}

// TestExpireLeavesNothing: row, record, key and log go, and nothing else; what
// remains is that it counts.
func TestExpireLeavesNothing(t *testing.T) {
	s := open(t, t.TempDir())
	j, other := endedJob(t, s, "a1", 15), addJob(t, s, "a1")
	update(t, s, func(tx *Tx) error { return tx.AppendLog(other.ID, 1, lines(1, 10)) })
	if err := s.Update(context.Background(), func(tx *Tx) error { return tx.ExpireJob(other.ID) }); !errors.Is(err, ErrActive) {
		t.Fatal(err)
	}
	if err := s.Update(context.Background(), func(tx *Tx) error { return tx.ExpireJob(j.ID) }); err == nil {
		t.Fatal("a log has lost its job")
	}
	if _, _, err := s.Job(j.ID); err != nil { // into the cache
		t.Fatal(err)
	}
	left := s.LogBytes()
	expire(t, s, j.ID)
	if left <= s.LogBytes() || s.Removed() != left-s.LogBytes()+jobBytes {
		t.Errorf("logs of %d bytes, then %d, and %d are removed", left, s.LogBytes(), s.Removed())
	}
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
		if days, err := s.Days(history.Filter{}, history.DateOf(t0), 1); err != nil || days[0].Jobs() != 2 || days[0].Of(job.Failed) != 1 {
			t.Error("it does not count", days, err)
		}
		s = reopened(t, s)
	}
}

// TestLogGone: a log goes without its job, which says so, and says as before how
// long it was.
func TestLogGone(t *testing.T) {
	s := open(t, t.TempDir())
	j := endedJob(t, s, "a1", 15)
	stale, _, err := s.OldLog(j.ID)
	if err != nil {
		t.Fatal(err)
	}
	more := j
	more.LogNext, more.Verdict.JournalEnd = 18, 17
	update(t, s, func(tx *Tx) error {
		return errors.Join(tx.AppendLog(j.ID, 16, lines(16, 2)), tx.PutJob(more))
	})
	update(t, s, func(tx *Tx) error { return tx.RemoveLog(stale) })
	wantLines(t, s, j.ID, 17)
	wantJob(t, s, more)
	removeLog(t, s, j.ID)
	more.LogGone = true
	for range 2 {
		wantLines(t, s, j.ID, 0)
		wantJob(t, s, more)
		if s.LogBytes() != 0 || !more.LogComplete() {
			t.Errorf("%d bytes of logs, complete %v", s.LogBytes(), more.LogComplete())
		}
		for o := range s.Oldest(t0.Add(time.Hour)) {
			if !o.LogGone {
				t.Error("the index does not know")
			}
		}
		s = reopened(t, s)
	}
}

// TestLongLogGoes in steps: a crash between two leaves one that is known to be
// removed, and nobody reads the rest.
func TestLongLogGoes(t *testing.T) {
	s := open(t, t.TempDir())
	j := addJob(t, s, "a1")
	n := uint64(0)
	for n < (2*mostOldChunks+10)*(splitBytes/longLine+1) {
		update(t, s, func(tx *Tx) error { return tx.AppendLog(j.ID, n+1, longLines(n+1, 800)) })
		n += 800
	}
	j = ended(j, job.Completed)
	j.LogNext = n + 1
	update(t, s, func(tx *Tx) error { return tx.PutJob(j) })
	steps := 0
	for ; ; steps++ {
		l, _, err := s.OldLog(j.ID)
		if err != nil {
			t.Fatal(err)
		}
		update(t, s, func(tx *Tx) error { return tx.RemoveLog(l) })
		if !l.More() {
			break
		}
		s = reopened(t, s)
		if diff := cmp.Diff([]int64{j.ID}, s.Leaving()); diff != "" {
			t.Fatal(diff)
		}
		if got, _, _ := s.Job(j.ID); !got.LogGone {
			t.Fatal("a part of a log passes for the whole")
		}
		if err := s.Update(context.Background(), func(tx *Tx) error { return tx.ExpireJob(j.ID) }); err == nil {
			t.Fatal("the rest has lost its job")
		}
	}
	if steps < 2 || len(s.Leaving()) != 0 || s.LogBytes() != 0 {
		t.Errorf("%d steps, %v, %d bytes", steps, s.Leaving(), s.LogBytes())
	}
	wantLines(t, s, j.ID, 0)
}

const longLine = 2000

func longLines(from, n uint64) []job.Record {
	recs := lines(from, n)
	for i := range recs {
		recs[i].Text = fmt.Sprintf("%0*d", longLine, recs[i].Number)
	}
	return recs
}

// TestLogBytes is what is stored, whatever was merged, undone and removed, and is
// counted once in a store that did not count.
func TestLogBytes(t *testing.T) {
	s := open(t, t.TempDir())
	j, other := endedJob(t, s, "a1", 0), addJob(t, s, "a1")
	for i := range uint64(100) {
		update(t, s, func(tx *Tx) error { return tx.AppendLog(other.ID, i*3+1, lines(i*3+1, 3)) })
		_ = s.Update(t.Context(), func(tx *Tx) error {
			return errors.Join(tx.AppendLog(j.ID, 1, lines(1, 9)), errors.New("changed my mind"))
		})
	}
	want := int64(0)
	for e, err := range s.Entries() {
		if err != nil {
			t.Fatal(err)
		}
		if e.Key[0] == logPrefix {
			want += int64(len(e.Value))
		}
	}
	if want == 0 || s.LogBytes() != want {
		t.Fatalf("%d bytes, want %d", s.LogBytes(), want)
	}
	update(t, s, func(tx *Tx) error { return tx.del([]byte(logBytesKey)) })
	if s = reopened(t, s); s.LogBytes() != want {
		t.Fatalf("%d bytes after an upgrade, want %d", s.LogBytes(), want)
	}
}

// TestFoldedCounts: jobs count the same before and after they are removed, for
// every question that is asked by agent, repository and kind.
func TestFoldedCounts(t *testing.T) {
	s := open(t, t.TempDir())
	var ids []int64
	for i := range 60 {
		update(t, s, func(tx *Tx) error {
			j := newJob(tx.NewJobID(), fmt.Sprint("a", i%3))
			j.Spec.CreatedAt = t0.AddDate(0, 0, i-35) // over two ends of a month
			j.Spec.Repository.ID = int64(i % 4)
			if i%5 == 0 {
				j.Spec.Kind = job.Prune
			}
			ids = append(ids, j.ID)
			return tx.PutJob(ended(j, []job.Status{job.Completed, job.Failed, job.Cancelled}[i%3]))
		})
	}
	filters := map[string]history.Filter{
		"all": {}, "agent": {Agents: []string{"a1"}}, "repositories": {Repositories: []int64{2, 3}},
		"kind": {Kinds: []job.Kind{job.Prune}}, "kind of an agent": {Kinds: []job.Kind{job.Backup}, Agents: []string{"a0", "a2"}},
		"none": {Agents: []string{}},
	}
	first := history.DateOf(t0.AddDate(0, 0, -36))
	want := map[string][]history.Tally{}
	totals := map[string]history.Totals{}
	for name, f := range filters {
		want[name], _ = s.Days(f, first, 65)
		f.Since = history.DateOf(t0).Time()
		totals[name], _ = s.Totals(f)
	}
	if want["all"][1].Jobs() != 1 {
		t.Fatal("nothing is counted")
	}
	check := func(when string) {
		t.Helper()
		for name, f := range filters {
			got, err := s.Days(f, first, 65)
			if diff := cmp.Diff(want[name], got, cmp.AllowUnexported(history.Tally{})); err != nil || diff != "" {
				t.Fatalf("%s, %s: %v (-want +got):\n%s", when, name, err, diff)
			}
			f.Since = history.DateOf(t0).Time()
			sum, err := s.Totals(f)
			if diff := cmp.Diff(totals[name], sum); err != nil || diff != "" {
				t.Fatalf("%s, totals of %s: %v (-want +got):\n%s", when, name, err, diff)
			}
		}
	}
	for i := 0; i < len(ids); i += 7 {
		expire(t, s, ids[i:min(i+7, len(ids))]...)
		check(fmt.Sprint("after ", i+7))
	}
	if s.Count() != 0 {
		t.Fatal("jobs are left")
	}
	s = reopened(t, s)
	check("after a start")
}

// TestOldAudit: the oldest entries go, in their order, and the log goes on.
func TestOldAudit(t *testing.T) {
	now := t0
	opt := testOptions()
	opt.Now = func() time.Time { return now }
	s, err := Open(t.TempDir(), opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	for range 30 {
		update(t, s, func(tx *Tx) error { return tx.Audit(AuditEntry{What: "x"}) })
		now = now.Add(time.Hour)
	}
	for range 3 {
		old, err := s.OldAudit(t0.Add(15*time.Hour), 6)
		if err != nil {
			t.Fatal(err)
		}
		update(t, s, func(tx *Tx) error { return tx.RemoveAudit(old) })
		s = reopened(t, s)
	}
	entries, _, err := s.AuditLog(AuditFilter{}, "", 100)
	if err != nil || len(entries) != 15 || !entries[14].At.Equal(t0.Add(15*time.Hour)) {
		t.Fatalf("%d entries: %v", len(entries), err)
	}
	if old, err := s.OldAudit(t0.Add(15*time.Hour), 6); err != nil || old.Entries() != 0 {
		t.Fatalf("%d entries are left: %v", old.Entries(), err)
	}
}
