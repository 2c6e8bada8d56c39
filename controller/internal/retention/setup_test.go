package retention

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"go.uber.org/goleak"

	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// now is when everything in the tests is looked at.
var now = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func ago(d time.Duration) time.Time { return now.Add(-d) }

type bench struct {
	t     testing.TB
	dir   string
	st    *store.Store
	trail []string
	clock time.Time // of the keeper
	wrote time.Time // of the store

	usualSize bool // the store may take the memory that it usually takes
}

func newBench(t testing.TB) *bench {
	b := &bench{t: t, dir: t.TempDir(), clock: now, wrote: now}
	b.open()
	t.Cleanup(func() { b.must(b.st.Close()) })
	return b
}

func (b *bench) open() {
	b.t.Helper()
	opt := store.Options{MemTableSize: 4 << 20, BlockCache: 4 << 20, IndexCache: 4 << 20, KeepFree: 1 << 20}
	if b.usualSize {
		opt = store.Options{}
	}
	opt.Now = func() time.Time { return b.wrote }
	st, err := store.Open(b.dir, opt)
	b.must(err)
	b.st = st
}

func (b *bench) reopen() {
	b.t.Helper()
	b.must(b.st.Close())
	b.open()
}

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) update(fn func(tx *store.Tx) error) {
	b.t.Helper()
	b.must(b.st.Update(context.Background(), fn))
}

// Own is the keeper's trail.
func (b *bench) Own(_ context.Context, what, detail string) {
	b.trail = append(b.trail, what+" "+detail)
}

func (b *bench) keeper(p Policy) *Keeper {
	return New(Options{
		Store: b.st, Policy: p, Audit: b, Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return b.clock },
		Pause: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	})
}

// sweep removes what p does not keep.
func (b *bench) sweep(p Policy) Sweep {
	b.t.Helper()
	k := b.keeper(p)
	k.Sweep(b.t.Context())
	s := k.State().Last
	if s.Problem != "" {
		b.t.Fatal(s.Problem)
	}
	return s
}

func (b *bench) repository(id int64) {
	b.t.Helper()
	b.update(func(tx *store.Tx) error { return putRepository(tx, id) })
}

func putRepository(tx *store.Tx, id int64) error {
	return tx.PutRepository(store.Repository{Repository: job.Repository{ID: id, Name: fmt.Sprint("r", id)}, Agent: "a"})
}

// one is a job that ended some time ago.
type one struct {
	repository int64
	kind       job.Kind
	status     job.Status
	ended      time.Duration // ago
	lines      int
	parent     job.Key
	change     func(*job.Job)
}

func (b *bench) add(o one) (j job.Job) {
	b.t.Helper()
	b.update(func(tx *store.Tx) (err error) {
		j, err = b.put(tx, o)
		return err
	})
	return j
}

// addEach adds jobs in one update.
func (b *bench) addEach(n int, o func(i int) one) (all []job.Job) {
	b.t.Helper()
	b.update(func(tx *store.Tx) error {
		for i := range n {
			j, err := b.put(tx, o(i))
			if err != nil {
				return err
			}
			all = append(all, j)
		}
		return nil
	})
	return all
}

func (b *bench) put(tx *store.Tx, o one) (job.Job, error) {
	key, err := job.NewKey()
	if err != nil {
		return job.Job{}, err
	}
	j := job.New(tx.NewJobID(), key, "a", job.Spec{
		Kind: o.kind, Repository: job.Repository{ID: o.repository, Path: "/r"}, CreatedAt: ago(o.ended + time.Minute),
		StartDeadline: ago(o.ended), TriggeredBy: job.ByManual, Parent: o.parent,
	})
	if o.status.Final() {
		v := &job.Verdict{Status: o.status, StartedAt: j.Spec.CreatedAt, EndedAt: ago(o.ended), JournalEnd: uint64(o.lines)}
		j.Register = job.Register{Incarnation: 1, Version: 9, Phase: job.PhaseStarted, StartedAt: v.StartedAt, Verdict: v}
		j.Verdict, j.Status, j.Sent = v, o.status, true
	}
	var recs []job.Record
	for i := range o.lines {
		recs = append(recs, job.Record{Number: uint64(i + 1), Time: ago(o.ended), Text: fmt.Sprintf("%x", uint64(j.ID)*uint64(i+1)*0x9e3779b97f4a7c15)})
	}
	if err := tx.AppendLog(j.ID, 1, recs); err != nil {
		return j, err
	}
	j.LogNext = uint64(o.lines + 1)
	if o.change != nil {
		o.change(&j)
	}
	return j, tx.PutJob(j)
}

// has says what of a job is there: itself, and lines of its log.
func (b *bench) has(id int64) (there, log bool) {
	b.t.Helper()
	_, there, err := b.st.Job(id)
	b.must(err)
	recs, err := b.st.Log(id, 1, 1)
	b.must(err)
	return there, len(recs) > 0
}

func (b *bench) want(what string, id int64, there, log bool) {
	b.t.Helper()
	if t, l := b.has(id); t != there || l != log {
		b.t.Errorf("%s: there %v, with a log %v; want %v, %v", what, t, l, there, log)
	}
	if j, ok, _ := b.st.Job(id); ok && j.LogGone == log && j.LogNext > 1 {
		b.t.Errorf("%s: has a log %v, and says that it is gone %v", what, log, j.LogGone)
	}
}
