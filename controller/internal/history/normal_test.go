package history

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"borgfleet/shared/job"
)

// normalOf is the rule as anybody would write it first.
func (m model) normalOf(repository int64, accepted time.Time) (normal Mark) {
	rows := m.sorted()
	slices.Reverse(rows)
	for _, r := range rows {
		if r.Kind != job.Backup || r.Repository != repository || !r.Status.Good() || r.CreatedAt.Before(accepted) {
			continue
		}
		if normal.ID == 0 || 2*r.Original >= normal.Original {
			normal = Mark{ID: r.ID, CreatedAt: r.CreatedAt, EndedAt: r.EndedAt, Status: r.Status, Original: r.Original}
		}
	}
	return normal
}

// goes says whether a row may be deleted: what is no good backup, the oldest that is
// one, and what is newer than the normal one.
func (m model) goes(r Row, normal Mark) bool {
	if !r.Status.Good() {
		return true
	}
	for _, other := range m {
		if other.Repository == r.Repository && other.Status.Good() && other.Position().compare(r.Position()) < 0 {
			return r.CreatedAt.After(normal.CreatedAt)
		}
	}
	return true
}

// TestNormalSizes: whatever comes late, ends late or goes, and after a restart, the
// normal backup is the one that the rule gives.
func TestNormalSizes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ix, m, accepted := New(), model{}, map[int64]time.Time{}
		same := func(what string, ix *Index) {
			t.Helper()
			for repository := range int64(2) {
				if got, want := ix.Last(repository).Normal, m.normalOf(repository, accepted[repository]); got != want {
					t.Fatalf("%s: of %d the normal one is %+v, want %+v", what, repository, got, want)
				}
			}
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			id := rapid.Int64Range(1, 30).Draw(t, "id")
			r := Row{
				ID: id, CreatedAt: t0.Add(time.Duration(id*7919%31) * time.Hour), Agent: "a", Repository: id % 2,
				Kind: job.Backup, Status: rapid.SampledFrom(job.Statuses()).Draw(t, "status"), TriggeredBy: job.ByManual,
			}
			if r.Status.Final() {
				r.EndedAt, r.Original = r.CreatedAt, rapid.SampledFrom([]int64{0, 1, 2, 10, 24, 25, 26, 50, 99, 100, 101}).Draw(t, "size")
			}
			old, had := m[id]
			if had && old.Status.Good() {
				r.Original = old.Original // a good end stays what it is
			}
			switch what := rapid.IntRange(0, 9).Draw(t, "what"); {
			case what < 2 && had && m.goes(old, m.normalOf(r.Repository, accepted[r.Repository])):
				ix.Delete(r.Position())
				delete(m, id)
			case what == 2:
				accepted[r.Repository] = r.CreatedAt
				ix.Accept(r.Repository, r.CreatedAt)
			case !had || !old.Status.Good() || r.Status.Good():
				ix.Put(r)
				m[id] = r
			}
			same("live", ix)
		}
		loaded, err := Load(encoded(m, rapid.Bool().Draw(t, "in order")))
		if err != nil {
			t.Fatal(err)
		}
		for repository, from := range accepted {
			loaded.Accept(repository, from)
		}
		same("loaded", loaded)
	})
}

// TestShrunk says what people see.
func TestShrunk(t *testing.T) {
	for name, c := range map[string]struct {
		sizes  []int64
		from   int64 // 0: it did not shrink
		accept int   // the sizes from this one on; 0: nobody did
		gone   []int // deleted afterwards
	}{
		"steady":                               {sizes: []int64{100, 110, 95}},
		"half is not less than half":           {sizes: []int64{100, 50}},
		"less than half":                       {sizes: []int64{100, 49}, from: 100},
		"the second small one hides nothing":   {sizes: []int64{100, 40, 41, 39}, from: 100},
		"nor does one in between that is half": {sizes: []int64{100, 20, 45}, from: 100},
		"it is back":                           {sizes: []int64{100, 40, 90}},
		"slowly, step by step":                 {sizes: []int64{100, 60, 40, 25}},
		"nothing at all":                       {sizes: []int64{100, 0}, from: 100},
		"from nothing":                         {sizes: []int64{0, 0, 5}},
		"the first":                            {sizes: []int64{5}},
		"tiny ones count":                      {sizes: []int64{3, 1}, from: 3},
		"huge":                                 {sizes: []int64{1<<63 - 1, 1 << 61}, from: 1<<63 - 1},
		"accepted":                             {sizes: []int64{100, 40, 41}, accept: 1},
		"accepted, and less again":             {sizes: []int64{100, 40, 41, 15}, accept: 1, from: 41},
		"accepted before the newest":           {sizes: []int64{100, 40, 10}, accept: 1, from: 40},
		"the oldest were deleted":              {sizes: []int64{300, 200, 100, 40, 41}, from: 100, gone: []int{0, 1}},
		"and those in between":                 {sizes: []int64{300, 200, 100, 40, 41}, from: 100, gone: []int{0, 1, 3}},
	} {
		t.Run(name, func(t *testing.T) {
			ix := New()
			at := func(i int) time.Time { return t0.Add(time.Duration(i) * 24 * time.Hour) }
			row := func(i int) Row {
				return Row{ID: int64(i + 1), CreatedAt: at(i), Agent: "a", Repository: 7, Kind: job.Backup, Status: job.Completed, TriggeredBy: job.ByManual, Original: c.sizes[i]}
			}
			for i := range c.sizes {
				ix.Put(row(i))
				if c.accept > 0 && i == c.accept {
					ix.Accept(7, at(i))
				}
			}
			for _, i := range c.gone {
				ix.Delete(row(i).Position())
			}
			l := ix.Last(7)
			if l.Shrunk() != (c.from > 0) || l.Shrunk() && l.Normal.Original != c.from {
				t.Errorf("shrunk: %v, from %d to %d", l.Shrunk(), l.Normal.Original, l.Good.Original)
			}
		})
	}
	if (Last{}).Shrunk() {
		t.Error("where there is no backup none is small")
	}
}
