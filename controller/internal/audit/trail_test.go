package audit

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"borgfleet/controller/internal/store"
)

// rig is a trail on a real store, with a clock that the test sets.
type rig struct {
	*Trail
	t     *testing.T
	store *store.Store
	log   bytes.Buffer

	mu  sync.Mutex
	now time.Time // guarded by mu
}

func newRig(t *testing.T, keepFree int64) *rig {
	t.Helper()
	r := &rig{t: t, now: time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)}
	var err error
	r.store, err = store.Open(filepath.Join(t.TempDir(), "store"), store.Options{KeepFree: keepFree, MemTableSize: 4 << 20, Now: r.clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.store.Close() })
	r.Trail = New(Options{Store: r.store, Logger: slog.New(slog.NewTextHandler(&r.log, nil)), Now: r.clock})
	return r
}

func (r *rig) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func (r *rig) pass(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
}

func (r *rig) entries() []store.AuditEntry {
	r.t.Helper()
	all, next, err := r.Entries(store.AuditFilter{}, "", 100_000)
	if err != nil || next != "" {
		r.t.Fatal(err, next)
	}
	return all
}

// refuse is a failed login from an address.
func (r *rig) refuse(from string) {
	ctx := r.Begin(r.t.Context(), from)
	Of(ctx).What("login", true)
	Of(ctx).Presented()
	r.Answer(ctx, 401, "wrong_credentials")
}

func TestWhatIsWritten(t *testing.T) {
	r := newRig(t, 1<<20)
	for i, tt := range []struct {
		status     int
		code       string
		changes    bool
		credential bool
		commits    bool // something is changed on the way
		want       []string
	}{
		{status: 200},
		{status: 200, changes: true, want: []string{Done}},
		{status: 200, changes: true, commits: true, want: []string{Done}},
		{status: 200, commits: true, want: []string{Done}}, // a look into an archive makes a job
		{status: 404, changes: true}, {status: 422, changes: true}, {status: 400, changes: true},
		{status: 401}, {status: 401, credential: true, want: []string{Refused}},
		{status: 403, want: []string{Refused}}, {status: 403, changes: true, want: []string{Refused}},
		{status: 409}, {status: 409, changes: true, want: []string{Refused}},
		{status: 429}, {status: 429, code: "too_many_logins", want: []string{Refused}},
		{status: 422, code: "wrong_password", want: []string{Refused}},
		{status: 500}, {status: 503, changes: true, want: []string{Failed}},
		{status: 422, code: "repo_exists", changes: true, commits: true, want: []string{Failed, Done}},
		{status: 409, changes: true, commits: true, want: []string{Failed, Done}},
		{status: 503, code: "interrupted", changes: true, commits: true, want: []string{Done}},
		{status: 503, code: "interrupted", changes: true, want: []string{Failed}},
	} {
		from := fmt.Sprint("host ", i)
		ctx := r.Begin(t.Context(), from)
		call := Of(ctx)
		call.What("changeUser", tt.changes)
		call.On("user/ann")
		if tt.credential {
			call.Presented()
		}
		if tt.commits {
			err := r.store.Update(ctx, func(tx *store.Tx) error { return tx.PutUser(store.User{Name: from}) })
			if err != nil {
				t.Fatal(err)
			}
		}
		r.Answer(ctx, tt.status, tt.code)
		r.Answer(ctx, 200, "") // of an answer that was begun, and then broke
		var got []string
		for _, e := range r.entries() {
			if e.From == from {
				got = append(got, e.Outcome)
				if e.What != "changeUser" || e.On != "user/ann" || e.Outcome != Done && e.Code != tt.code {
					t.Errorf("%+v: %+v", tt, e)
				}
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(tt.want) {
			t.Errorf("%+v: %v", tt, got)
		}
	}
}

// counted sums up what stands for how much, by address.
func counted(entries []store.AuditEntry) (single, leftOut int64) {
	for _, e := range entries {
		if e.Outcome == LeftOut {
			leftOut += e.Count
		} else {
			single += e.Count
		}
	}
	return single, leftOut
}

// A flood costs neither the disk nor the committer, and every refusal counts.
func TestFloodIsCounted(t *testing.T) {
	const flood = 20_000
	for _, tt := range []struct {
		what     string
		from     func(i int) string
		atMost   int64
		kindSize int
	}{
		{"one address", func(int) string { return "192.0.2.7" }, sourceBurst, 1},
		{"one host's IPv6", func(i int) string { return fmt.Sprintf("2001:db8::%x", i) }, sourceBurst, kindsWritten + 1},
		{"many addresses", func(i int) string { return fmt.Sprintf("10.0.%d.%d", i>>8, i&255) }, totalBurst, kindsWritten + 1},
	} {
		t.Run(tt.what, func(t *testing.T) {
			r := newRig(t, 1<<20)
			before := r.store.Stats()
			var wg sync.WaitGroup
			for w := range 8 {
				wg.Go(func() {
					for i := w; i < flood; i += 8 {
						r.refuse(tt.from(i))
					}
				})
			}
			wg.Wait()
			r.flush(t.Context())
			after := r.store.Stats()
			if n := after.Updates - before.Updates; int64(n) > tt.atMost+1 {
				t.Errorf("the committer was asked %d times", n)
			}
			all := r.entries()
			single, leftOut := counted(all)
			if single != tt.atMost || single+leftOut != flood || int64(len(all)) > single+int64(tt.kindSize) {
				t.Errorf("%d entries, %d and %d left out", len(all), single, leftOut)
			}
			if e := all[0]; tt.kindSize == 1 && (e.From != "192.0.2.7" || e.What != "login" || e.Code != "wrong_credentials" || e.Detail != Refused) {
				t.Errorf("left out is %+v", e)
			}
			// Somebody else is heard again after a while, whatever goes on.
			r.pass(totalPause)
			r.refuse("198.51.100.1")
			if e := r.entries()[0]; e.From != "198.51.100.1" {
				t.Errorf("%+v", e)
			}
		})
	}
}

// A loud address does not use up what the others have.
func TestLoudSourceHidesNobody(t *testing.T) {
	r := newRig(t, 1<<20)
	for range 5000 {
		r.refuse("192.0.2.7")
	}
	r.refuse("198.51.100.1")
	if e := r.entries()[0]; e.From != "198.51.100.1" {
		t.Errorf("%+v", e)
	}
}

// Changes are never left out.
func TestChangesAreAllWritten(t *testing.T) {
	r := newRig(t, 1<<20)
	for i := range 3 * totalBurst {
		ctx := r.Begin(t.Context(), "192.0.2.7")
		Of(ctx).What("createUser", true)
		Of(ctx).Is("ann", "login")
		err := r.store.Update(ctx, func(tx *store.Tx) error { return tx.PutUser(store.User{Name: fmt.Sprint(i)}) })
		if err != nil {
			t.Fatal(err)
		}
		r.Answer(ctx, 200, "")
	}
	if n := len(r.entries()); n != 3*totalBurst {
		t.Errorf("%d entries", n)
	}
}

// On a disk without room the answer goes out all the same; what could not be
// written is in the process's log, and is counted when there is room.
func TestNoRoom(t *testing.T) {
	var st unix.Statfs_t
	if err := unix.Statfs(t.TempDir(), &st); err != nil {
		t.Fatal(err)
	}
	free := int64(st.Bavail) * st.Bsize
	r := newRig(t, free+free/2)
	r.refuse("192.0.2.7")
	r.flush(t.Context())
	if s := r.log.String(); !strings.Contains(s, "audit entry not stored") || !strings.Contains(s, "from=192.0.2.7") || len(r.entries()) != 0 {
		t.Errorf("%s", s)
	}
	if left := r.leftOut.take(); len(left) != 1 || left[0].Count != 1 || left[0].From != "192.0.2.7" || left[0].Detail != Refused {
		t.Errorf("left out: %+v", left)
	}
}

// What was left out is written when the controller stops, if not before.
func TestRunWritesTheRest(t *testing.T) {
	r := newRig(t, 1<<20)
	for range sourceBurst {
		r.refuse("192.0.2.7")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for n := range int64(20) { // Run sees the one first, or the other
		r.refuse("192.0.2.7")
		r.Run(ctx)
		if _, leftOut := counted(r.entries()); leftOut != n+1 {
			t.Fatalf("%d were left out, not %d", leftOut, n+1)
		}
	}
}

func TestPause(t *testing.T) {
	pause := firstPause
	for range 10 {
		pause = nextPause(pause, 0)
	}
	if pause != mostPause {
		t.Errorf("while it goes on: %v", pause)
	}
	if pause = nextPause(pause, mostPause+1); pause != firstPause {
		t.Errorf("after a quiet: %v", pause)
	}
}
