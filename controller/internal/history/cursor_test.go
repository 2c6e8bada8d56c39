package history

import (
	"errors"
	"testing"
	"time"

	"borgfleet/shared/job"
)

func TestCursorIsBoundToItsFilter(t *testing.T) {
	p := Position{created: 5, id: 7}
	filters := []Filter{
		{}, {Agents: []string{}}, {Agents: []string{"a", "b"}}, {Agents: []string{"ab"}}, {Repositories: []int64{1}},
		{Statuses: []job.Status{job.Failed}}, {Kinds: []job.Kind{job.Backup}}, {Schedule: 1},
		{ScheduledOnly: true}, {ManualOnly: true}, {Since: t0}, {Until: t0}, {Scope: "label=x"},
	}
	for i, f := range filters {
		for k, g := range filters {
			got, err := g.ParseCursor(f.Cursor(p))
			if i == k && (err != nil || got != p) {
				t.Errorf("%+v: own cursor gives %v, %v", f, got, err)
			}
			if i != k && !errors.Is(err, ErrCursor) {
				t.Errorf("%+v takes a cursor of %+v", g, f)
			}
		}
	}
	a := Filter{Agents: []string{"a", "b"}, Since: t0}
	b := Filter{Agents: []string{"b", "a"}, Since: t0.In(time.FixedZone("", 3600))}
	if _, err := b.ParseCursor(a.Cursor(p)); err != nil {
		t.Error("the same question in another order is refused")
	}
	c, d := Filter{Scope: "x", Agents: []string{"a"}}, Filter{Scope: "x", Agents: []string{"a", "b"}}
	if _, err := d.ParseCursor(c.Cursor(p)); err != nil {
		t.Error("the scope should decide")
	}
	if p, err := a.ParseCursor(""); err != nil || !p.IsZero() {
		t.Error("the empty cursor is the beginning")
	}
}

// FuzzCursor: nothing that a client invents is taken, and nothing panics.
func FuzzCursor(f *testing.F) {
	filter := Filter{Agents: []string{"a"}}
	ix := New()
	ix.Put(Row{ID: 1, CreatedAt: t0, Agent: "a", Kind: job.Backup, Status: job.Failed, TriggeredBy: job.ByManual})
	f.Add("")
	f.Add(filter.Cursor(Position{created: 1, id: 1}))
	f.Add(filter.Cursor(Position{created: -1, id: -1 << 63}))
	f.Add(filter.Cursor(Position{}))
	f.Add("AQ\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := filter.ParseCursor(s)
		if err != nil {
			if !errors.Is(err, ErrCursor) {
				t.Fatal(err)
			}
			return
		}
		if s != "" && filter.Cursor(p) != s {
			t.Fatalf("%q and %q are the same cursor", s, filter.Cursor(p))
		}
		ix.Query(filter, p, 10)
	})
}
