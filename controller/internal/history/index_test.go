package history

import (
	"encoding/hex"
	"iter"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"borgfleet/shared/job"
)

var t0 = time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)

// model is the index as anybody would write it first.
type model map[int64]Row

func (m model) sorted() []Row {
	rows := make([]Row, 0, len(m))
	for _, r := range m {
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(a, b Row) int { return b.Position().compare(a.Position()) })
	return rows
}

func (m model) query(f Filter, after Position) (ids []int64) {
	for _, r := range m.sorted() {
		if (after.IsZero() || r.Position().compare(after) < 0) && f.Match(r) {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

func (m model) last(repository int64) (l Last) {
	for _, r := range m.sorted() {
		if r.Kind != job.Backup || r.Repository != repository {
			continue
		}
		mark := Mark{ID: r.ID, CreatedAt: r.CreatedAt, EndedAt: r.EndedAt, Status: r.Status, Original: r.Original}
		if l.Job.ID == 0 {
			l.Job = mark
		}
		if l.Good.ID == 0 && r.Status.Good() {
			l.Good = mark
		}
	}
	return l
}

func (m model) lastScheduled(schedule, repository int64) Mark {
	for _, r := range m.sorted() {
		if r.Kind == job.Backup && r.Repository == repository && r.Schedule == schedule && schedule != 0 {
			return Mark{ID: r.ID, CreatedAt: r.CreatedAt, EndedAt: r.EndedAt, Status: r.Status, Original: r.Original}
		}
	}
	return Mark{}
}

func (m model) days(f Filter, first Date, n int) []Tally {
	days := make([]Tally, n)
	for _, r := range m {
		if d := int(DateOf(r.CreatedAt) - first); f.Match(r) && d >= 0 && d < n {
			days[d] = days[d].Plus(TallyOf(r))
		}
	}
	return days
}

func (m model) repositories(f Filter) map[int64]bool {
	have := map[int64]bool{}
	for _, r := range m {
		if f.Match(r) {
			have[r.Repository] = true
		}
	}
	return have
}

func (m model) totals(f Filter) Totals {
	t := Totals{ByStatus: map[job.Status]int64{}}
	for _, r := range m {
		if f.Match(r) {
			t.Jobs++
			t.ByStatus[r.Status]++
			t.Original += r.Original
			t.Dedup += r.Dedup
		}
	}
	return t
}

var agents = []string{"a1", "a2", "a3"}

// aRow draws a row whose creation time is that of its id's, so that Put again
// means the same row. Ids and times are in no order: rows come late.
func aRow(t *rapid.T, ids int64) Row {
	id := rapid.Int64Range(1, ids).Draw(t, "id")
	r := Row{
		ID: id, CreatedAt: t0.Add(time.Duration(id*7919%97) * time.Hour),
		Agent: agents[id%3], Repository: id % 4, Schedule: id % 3,
		Kind:        job.Kinds()[id%2],
		Status:      rapid.SampledFrom(job.Statuses()).Draw(t, "status"),
		TriggeredBy: []job.TriggeredBy{job.ByManual, job.BySchedule, job.ByAgent}[id%3],
	}
	if r.Status.Final() {
		r.EndedAt = r.CreatedAt.Add(time.Duration(rapid.IntRange(1, 5).Draw(t, "seconds")) * time.Second)
		r.Original, r.Dedup = id*10, id
		if rapid.Bool().Draw(t, "record noted") {
			r.RecordedAt = r.EndedAt.Add(time.Duration(id) * time.Hour)
		}
	}
	if r.Status != job.Pending && rapid.Bool().Draw(t, "start known") {
		r.StartedAt = r.CreatedAt.Add(time.Duration(rapid.IntRange(0, 6).Draw(t, "late")) * time.Second)
	}
	return r
}

func aFilter(t *rapid.T) Filter {
	f := Filter{
		ScheduledOnly: rapid.IntRange(0, 5).Draw(t, "scheduled") == 0,
		ManualOnly:    rapid.IntRange(0, 5).Draw(t, "manual") == 0,
	}
	maybe := func(what string, set func()) {
		if rapid.IntRange(0, 2).Draw(t, what) == 0 {
			set()
		}
	}
	maybe("agents", func() { f.Agents = rapid.SliceOfN(rapid.SampledFrom(append(agents, "nobody")), 0, 3).Draw(t, "a") })
	maybe("repositories", func() { f.Repositories = rapid.SliceOfN(rapid.Int64Range(0, 5), 0, 3).Draw(t, "r") })
	maybe("statuses", func() { f.Statuses = rapid.SliceOfN(rapid.SampledFrom(job.Statuses()), 0, 3).Draw(t, "s") })
	maybe("kinds", func() { f.Kinds = rapid.SliceOfN(rapid.SampledFrom(job.Kinds()), 0, 3).Draw(t, "k") })
	maybe("schedule", func() { f.Schedule = rapid.Int64Range(0, 3).Draw(t, "i") })
	maybe("since", func() { f.Since = t0.Add(time.Duration(rapid.IntRange(0, 97).Draw(t, "t")) * time.Hour) })
	maybe("until", func() { f.Until = t0.Add(time.Duration(rapid.IntRange(0, 97).Draw(t, "t")) * time.Hour) })
	return f
}

// TestLikeTheModel puts, deletes and asks in any order, and compares with the
// model.
func TestLikeTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ix, m := New(), model{}
		for range rapid.IntRange(1, 120).Draw(t, "steps") {
			r := aRow(t, 60)
			if rapid.IntRange(0, 4).Draw(t, "delete") == 0 {
				ix.Delete(r.Position())
				delete(m, r.ID)
			} else {
				ix.Put(r)
				m[r.ID] = r
			}
		}
		compare(t, ix, m)
		loaded, err := Load(encoded(m, rapid.Bool().Draw(t, "in order")))
		if err != nil {
			t.Fatal(err)
		}
		compare(t, loaded, m)
		r := aRow(t, 60) // a loaded index goes on as any other
		loaded.Put(r)
		m[r.ID] = r
		compare(t, loaded, m)
	})
}

func compare(t *rapid.T, ix *Index, m model) {
	f := aFilter(t)
	if ix.Len() != len(m) {
		t.Fatalf("%d rows, want %d", ix.Len(), len(m))
	}
	want := m.query(f, Position{})
	limit := rapid.IntRange(1, 70).Draw(t, "limit")
	ids, _, more := ix.Query(f, Position{}, limit)
	if diff := cmp.Diff(want[:min(limit, len(want))], ids); diff != "" {
		t.Fatalf("%+v (-want +got):\n%s", f, diff)
	}
	if more != (len(want) > limit) {
		t.Fatalf("more: %v, with %d of %d", more, limit, len(want))
	}
	for repository := range int64(5) {
		got := ix.Last(repository)
		got.Normal = Mark{} // that of TestNormalSizes: here jobs go in any order, and ends are unmade
		if diff := cmp.Diff(m.last(repository), got); diff != "" {
			t.Fatalf("last of %d (-want +got):\n%s", repository, diff)
		}
		for schedule := range int64(4) {
			if diff := cmp.Diff(m.lastScheduled(schedule, repository), ix.LastScheduled(schedule, repository)); diff != "" {
				t.Fatalf("last of %d by schedule %d (-want +got):\n%s", repository, schedule, diff)
			}
		}
	}
	if diff := cmp.Diff(m.repositories(f), ix.Repositories(f)); diff != "" {
		t.Fatalf("repositories of %+v (-want +got):\n%s", f, diff)
	}
	if diff := cmp.Diff(m.totals(f), ix.Totals(f)); diff != "" {
		t.Fatalf("totals (-want +got):\n%s", diff)
	}
	first, n := DateOf(t0)+Date(rapid.IntRange(-2, 5).Draw(t, "first")), rapid.IntRange(0, 7).Draw(t, "days")
	if diff := cmp.Diff(m.days(f, first, n), ix.Days(f, first, n), cmp.AllowUnexported(Tally{})); diff != "" {
		t.Fatalf("%d days from %s of %+v (-want +got):\n%s", n, first, f, diff)
	}
}

func encoded(m model, inOrder bool) iter.Seq2[[]byte, error] {
	rows := m.sorted()
	if inOrder {
		slices.Reverse(rows)
	}
	return func(yield func([]byte, error) bool) {
		var b []byte
		for _, r := range rows {
			b = AppendRow(b[:0], r)
			if !yield(b, nil) {
				return
			}
		}
	}
}

// TestPagesStayRight reads page after page while rows come, change and go. What
// was there all the time and matched all the time is seen exactly once, nothing
// is seen twice, and the order holds.
func TestPagesStayRight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ix, m := New(), model{}
		for range rapid.IntRange(0, 80).Draw(t, "rows") {
			r := aRow(t, 100)
			ix.Put(r)
			m[r.ID] = r
		}
		f := aFilter(t)
		steady := map[int64]bool{}
		for _, id := range m.query(f, Position{}) {
			steady[id] = true
		}
		positions := map[int64]Position{}
		for id, r := range m {
			positions[id] = r.Position()
		}
		var seen []int64
		cursor := ""
		for {
			at, err := f.ParseCursor(cursor)
			if err != nil {
				t.Fatal(err)
			}
			ids, next, more := ix.Query(f, at, rapid.IntRange(1, 9).Draw(t, "limit"))
			seen = append(seen, ids...)
			if !more {
				break
			}
			cursor = f.Cursor(next)
			for range rapid.IntRange(0, 6).Draw(t, "changes") {
				r := aRow(t, 130)
				positions[r.ID] = r.Position()
				if rapid.Bool().Draw(t, "delete") {
					ix.Delete(r.Position())
					delete(steady, r.ID)
				} else {
					ix.Put(r)
					if !f.Match(r) {
						delete(steady, r.ID)
					}
				}
			}
		}
		for i := 1; i < len(seen); i++ {
			if positions[seen[i-1]].compare(positions[seen[i]]) <= 0 {
				t.Fatalf("%d after %d", seen[i], seen[i-1])
			}
			delete(steady, seen[i-1])
		}
		if n := len(seen); n > 0 {
			delete(steady, seen[n-1])
		}
		if len(steady) > 0 {
			t.Fatalf("never seen: %v", steady)
		}
	})
}

// TestManyChunks makes chunks fill, split and vanish.
func TestManyChunks(t *testing.T) {
	ix, m := New(), model{}
	row := func(i int64, at time.Duration) Row {
		return Row{ID: i, CreatedAt: t0.Add(at), Agent: agents[i%3], Repository: i % 5, StartedAt: t0.Add(at), EndedAt: t0.Add(at + time.Minute),
			Kind: job.Backup, Status: job.Completed, TriggeredBy: job.ByManual, Original: i, Dedup: i % 100}
	}
	put := func(r Row) { ix.Put(r); m[r.ID] = r }
	n := int64(5 * chunkRows)
	for i := int64(1); i <= n; i++ {
		put(row(i, time.Duration(i)*time.Second))
	}
	for i := n + 1; i <= 2*n; i++ { // all late, all over the place
		put(row(i, time.Duration(i*7919%n)*time.Second))
	}
	check := func() {
		t.Helper()
		ids, _, _ := ix.Query(Filter{}, Position{}, 1<<30)
		if diff := cmp.Diff(m.query(Filter{}, Position{}), ids); diff != "" || ix.Len() != len(m) {
			t.Fatal(diff)
		}
		if diff := cmp.Diff(m.days(Filter{}, DateOf(t0), 2), ix.Days(Filter{}, DateOf(t0), 2), cmp.AllowUnexported(Tally{})); diff != "" {
			t.Fatal(diff)
		}
		f := Filter{Agents: []string{"a2"}, Since: t0.Add(500 * time.Second), Until: t0.Add(2000 * time.Second)}
		ids, _, _ = ix.Query(f, Position{}, 1<<30)
		if diff := cmp.Diff(m.query(f, Position{}), ids); diff != "" {
			t.Fatal(diff)
		}
	}
	check()
	for i := int64(1); i <= 2*n; i++ {
		if i%7 != 0 {
			ix.Delete(m[i].Position())
			delete(m, i)
		}
	}
	check()
	for _, r := range m {
		ix.Delete(r.Position())
	}
	m = model{}
	check()
	put(row(3, 0))
	check()
}

// TestReadersAndWriter lets the race detector look on.
func TestReadersAndWriter(t *testing.T) {
	ix := New()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for g := range 3 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				f := Filter{Agents: agents[:g+1], Kinds: []job.Kind{job.Backup}}
				ids, _, _ := ix.Query(f, Position{}, 100)
				if !slices.IsSortedFunc(ids, func(a, b int64) int { return int(b%1000 - a%1000) }) {
					t.Error("out of order")
				}
				ix.Totals(f)
				ix.Days(f, DateOf(t0), 2)
				ix.Last(1)
				ix.LastScheduled(1, 1)
			}
		})
	}
	for round := range int64(3) {
		for i := int64(0); i < 3000; i++ {
			id := round*1000 + i*617%1000 + 1
			r := Row{ID: id, CreatedAt: t0.Add(time.Duration(id%1000) * time.Second), Agent: agents[id%3], Repository: id % 3, Schedule: id % 3,
				Kind: job.Backup, Status: job.Statuses()[i%6], TriggeredBy: job.ByManual}
			if i%5 == 0 {
				ix.Delete(r.Position())
			} else {
				ix.Put(r)
			}
		}
	}
	close(stop)
	wg.Wait()
}

func TestRowStaysTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := aRow(t, 1000)
		got, err := DecodeRow(AppendRow(nil, want))
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Fatal(err, diff)
		}
	})
	short := AppendRow(nil, Row{Kind: job.Backup, Status: job.Failed, TriggeredBy: job.ByManual})[:rowFixed-1]
	for _, b := range [][]byte{nil, {1}, short, make([]byte, rowFixed), append([]byte{9}, make([]byte, rowFixed)...)} {
		if _, err := DecodeRow(b); err == nil {
			t.Errorf("%v was accepted", b)
		}
		if _, err := Load(func(yield func([]byte, error) bool) { yield(b, nil) }); err == nil {
			t.Errorf("%v was loaded", b)
		}
	}
}

// TestOldRowsAreRead: what versions 1 and 2 wrote is on disks. The one does not tell
// when a job started, and no zero is made of that; neither when its end was recorded.
func TestOldRowsAreRead(t *testing.T) {
	const fields = "020302" + "0900000000000000" + "0040a0cc1b959818" + "dcaca369" +
		"0700000000000000" + "0500000000000000" + "e803000000000000" + "6400000000000000"
	const agent = "61676e7431"
	want := Row{ID: 9, CreatedAt: t0, EndedAt: t0.Add(time.Hour + 300*time.Second), Agent: "agnt1", Repository: 7, Schedule: 5,
		Kind: job.Backup, Status: job.Completed, TriggeredBy: job.BySchedule, Original: 1000, Dedup: 100}
	started := want
	started.StartedAt = started.EndedAt
	for stored, want := range map[string]Row{"01" + fields + agent: want, "02" + fields + "dcaca369" + agent: started} {
		b, err := hex.DecodeString(stored)
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeRow(b)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Fatal(err, diff)
		}
		if tally := TallyOf(got); tally.Jobs() != 1 || (tally.Timed != 0) != !want.StartedAt.IsZero() || tally.Seconds != 0 {
			t.Errorf("%+v", tally)
		}
	}
}

// TestStoredCodesNeverChange: they are on disks.
func TestStoredCodesNeverChange(t *testing.T) {
	kinds := map[job.Kind]uint8{"init": 1, "backup": 2, "prune": 3, "compact": 4, "check": 5, "list": 6, "restore": 7, "break-lock": 8}
	for _, k := range job.Kinds() {
		if c := kindCode(k); c == 0 || c != kinds[k] || kindOf(c) != k {
			t.Errorf("%s has the code %d", k, c)
		}
	}
	statuses := map[job.Status]uint8{"pending": 1, "running": 2, "completed": 3, "completed_with_warnings": 4, "failed": 5, "cancelled": 6}
	for _, s := range job.Statuses() {
		if c := statusCode(s); c == 0 || c != statuses[s] || statusOf(c) != s {
			t.Errorf("%s has the code %d", s, c)
		}
	}
	for i, b := range []job.TriggeredBy{"manual", "schedule", "agent"} {
		if c := triggerCode(b); int(c) != i+1 || triggerOf(c) != b {
			t.Errorf("%s has the code %d", b, c)
		}
	}
}
