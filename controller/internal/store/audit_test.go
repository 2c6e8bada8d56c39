package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// log reads the whole audit log, page by page.
func auditLog(t testing.TB, s *Store, f AuditFilter, page int) (all []AuditEntry) {
	t.Helper()
	for cursor := ""; ; {
		entries, next, err := s.AuditLog(f, cursor, page)
		if err != nil {
			t.Fatal(err)
		}
		if all = append(all, entries...); next == "" {
			return all
		}
		cursor = next
	}
}

// An entry is there if its change is, and not if it is not.
func TestAuditGoesWithItsChange(t *testing.T) {
	s := open(t, t.TempDir())
	user := User{Name: "ann", Role: "viewer", CreatedAt: t0}
	try := func(want int, fn func(tx *Tx) error) *AuditNote {
		t.Helper()
		n := &AuditNote{}
		n.Set(func(e *AuditEntry) { e.Who, e.What, e.On, e.Outcome = "bob", "createUser", "user/?", "done" })
		ctx := WithNote(context.Background(), n)
		_ = s.Update(ctx, fn)
		_ = s.Update(ctx, func(*Tx) error { return nil })
		got := auditLog(t, s, AuditFilter{}, 10)
		if _, stored := n.Get(); len(got) != want || stored != (want > 0) {
			t.Fatalf("%d entries, stored %v, want %d: %+v", len(got), stored, want, got)
		}
		return n
	}
	try(0, func(*Tx) error { return nil })
	try(0, func(tx *Tx) error { tx.About("user/ann", ""); return nil })
	try(0, func(tx *Tx) error { return errors.Join(tx.PutUser(user), errors.New("no")) })
	try(0, func(tx *Tx) error { panic("no") })
	real := s.write
	s.write = func(map[string]write) error { return errors.New("the disk refuses") }
	try(0, func(tx *Tx) error { return tx.PutUser(user) })
	s.write = real
	n := try(1, func(tx *Tx) error { tx.About("user/ann", "role viewer"); return tx.PutUser(user) })
	// What goes on in the same name has its entry already.
	update := func(ctx context.Context) error {
		return s.Update(ctx, func(tx *Tx) error { return tx.DeleteUser("ann") })
	}
	if err := update(WithNote(context.Background(), n)); err != nil {
		t.Fatal(err)
	}
	s = reopened(t, s)
	want := []AuditEntry{{ID: 2, Who: "bob", What: "createUser", On: "user/ann", Detail: "role viewer", Outcome: "done", Count: 1}}
	got := auditLog(t, s, AuditFilter{}, 10)
	got[0].At = time.Time{}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAuditFiltersAndPages(t *testing.T) {
	opt := testOptions()
	at := t0
	opt.Now = func() time.Time { return at }
	s, err := Open(t.TempDir(), opt)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	add := func(e AuditEntry) {
		update(t, s, func(tx *Tx) error { return tx.Audit(e) })
	}
	for i := range 40 {
		at = t0.Add(time.Duration(i/2) * time.Second) // two at each moment
		add(AuditEntry{Who: []string{"ann", "bob"}[i%2], What: fmt.Sprint("w", i%3), On: fmt.Sprint("job/", i%5), Outcome: []string{"done", "refused"}[i%4/2]})
	}
	ids := func(f AuditFilter, page int) (out []int64) {
		for _, e := range auditLog(t, s, f, page) {
			out = append(out, e.ID)
		}
		return out
	}
	all := ids(AuditFilter{}, 1000)
	if len(all) != 40 || !slices.IsSortedFunc(all, func(a, b int64) int { return int(b - a) }) {
		t.Fatalf("the log has %v", all)
	}
	for _, f := range []AuditFilter{
		{}, {Who: "ann"}, {On: "job/3"}, {Whats: []string{"w1", "w2"}}, {Outcomes: []string{"refused"}},
		{Who: "bob", Whats: []string{"w0"}, Outcomes: []string{"done"}}, {Who: "nobody"},
		{Since: t0.Add(5 * time.Second)}, {Until: t0.Add(5 * time.Second)}, {Since: t0.Add(3 * time.Second), Until: t0.Add(4 * time.Second)},
		{Since: t0.AddDate(900, 0, 0)}, {Until: t0.AddDate(900, 0, 0)}, {Since: t0.AddDate(-900, 0, 0)}, {Until: t0.AddDate(-900, 0, 0)},
	} {
		var want []int64
		for _, e := range auditLog(t, s, AuditFilter{}, 1000) {
			if f.selects(e) && !e.At.Before(f.Since) && (f.Until.IsZero() || e.At.Before(f.Until)) {
				want = append(want, e.ID)
			}
		}
		for _, page := range []int{1, 3, 1000} {
			if got := ids(f, page); !slices.Equal(got, want) {
				t.Errorf("%+v by %d: %v, want %v", f, page, got, want)
			}
		}
	}
	// A page goes on where it was, whatever has come since; a clock that was set
	// back puts an entry among older ones, with an id that tells.
	first, next, err := s.AuditLog(AuditFilter{}, "", 10)
	if err != nil || first[9].ID != 31 {
		t.Fatalf("%+v, %v", first, err)
	}
	add(AuditEntry{Who: "new"})
	if second, _, err := s.AuditLog(AuditFilter{}, next, 1); err != nil || second[0].ID != 30 {
		t.Errorf("%+v, %v", second, err)
	}
	at = t0
	add(AuditEntry{Who: "back"})
	if got := ids(AuditFilter{}, 7); len(got) != 42 || got[0] != 41 || got[39] != 42 {
		t.Errorf("the log has %v", got)
	}
	for _, bad := range []string{"x", next + "x", next[1:], "\n" + next[1:], strings.Repeat("A", len(next))} {
		if _, _, err := s.AuditLog(AuditFilter{}, bad, 1); !errors.Is(err, ErrAuditCursor) {
			t.Errorf("cursor %q: %v", bad, err)
		}
	}
	if _, _, err := s.AuditLog(AuditFilter{Who: "ann"}, next, 1); !errors.Is(err, ErrAuditCursor) {
		t.Errorf("another filter's cursor: %v", err)
	}
}

// What others wrote can neither fill the log nor make it unreadable.
func TestAuditTextIsBounded(t *testing.T) {
	s := open(t, t.TempDir())
	long := strings.Repeat("\u00e4", 10_000)
	update(t, s, func(tx *Tx) error {
		return tx.Audit(AuditEntry{Who: "\xff\x1b[2J", From: long, What: long, On: long, Detail: "\xc3" + long, Code: long})
	})
	e := auditLog(t, s, AuditFilter{}, 10)[0]
	if e.Who != "\uFFFD\x1b[2J" {
		t.Errorf("who is %q", e.Who)
	}
	for _, text := range []string{e.From, e.What, e.On, e.Detail, e.Code} {
		if len(text) > mostAuditText+8 || !strings.HasSuffix(text, "\u00e4…") {
			t.Errorf("%d bytes: %q", len(text), text)
		}
	}
}

// A restored store has the log of its backup, and gives no id twice.
func TestAuditIsRestored(t *testing.T) {
	s := open(t, t.TempDir())
	for range 3 {
		update(t, s, func(tx *Tx) error { return tx.Audit(AuditEntry{Who: "ann"}) })
	}
	r, err := NewReader()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for e, err := range s.Entries() {
		if err := errors.Join(err, r.Check(e)); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir() + "/again"
	if err := Rebuild(dir, testOptions(), s.Entries(), Restored{}); err != nil {
		t.Fatal(err)
	}
	again := open(t, dir)
	if diff := cmp.Diff(auditLog(t, s, AuditFilter{}, 10), auditLog(t, again, AuditFilter{}, 10)); diff != "" {
		t.Error(diff)
	}
	update(t, again, func(tx *Tx) error { return tx.Audit(AuditEntry{Who: "bob"}) })
	if e := auditLog(t, again, AuditFilter{}, 1)[0]; e.ID != 4+IDsAhead {
		t.Errorf("the next entry is %+v", e)
	}
}
