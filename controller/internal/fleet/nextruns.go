package fleet

import (
	"cmp"
	"container/heap"
	"context"
	"sort"
	"time"

	"borgfleet/controller/internal/store"
	"borgfleet/shared/schedule"
)

// NextRun is one time at which a schedule is due for a repository.
type NextRun struct {
	Repository int64
	Name       string
	AgentName  string
	At         time.Time
}

// mostNextRuns bounds one answer: n times of ten thousand repositories are a
// million.
const mostNextRuns = 1000

// NextRuns are the next n times of a schedule for each of its repositories whose
// zones are known, by time, also of one that is paused. No more than the first
// mostNextRuns of all of them are told.
func (s *Service) NextRuns(ctx context.Context, id int64, n int) (runs []NextRun, unknown []string, err error) {
	one, ok := s.store.Schedule(id)
	if !ok {
		return nil, nil, noSuchSchedule(id)
	}
	now := s.now()
	zones := map[string]*fires{}
	var due upcomings
	for _, repository := range one.Repositories {
		repo, ok := s.store.Repository(repository)
		if !ok {
			continue
		}
		a, _ := s.store.Agent(repo.Agent)
		zone := cmp.Or(one.Zone, a.Timezone)
		f, ok := zones[zone]
		if !ok {
			f = firesOf(one, a, now)
			zones[zone] = f
		}
		if f == nil {
			unknown = append(unknown, repo.Name)
			continue
		}
		u := upcoming{fires: f, splay: one.For(repository).SplayOf(repository), left: n, run: NextRun{Repository: repo.ID, Name: repo.Name, AgentName: a.Name}}
		if u.first(ctx, now) {
			due = append(due, u)
		}
	}
	heap.Init(&due)
	for len(due) > 0 && len(runs) < mostNextRuns {
		runs = append(runs, due[0].run)
		if due[0].next(ctx) {
			heap.Fix(&due, 0)
		} else {
			heap.Pop(&due)
		}
	}
	return runs, unknown, ctx.Err()
}

// fires are the times that an expression names in one zone, without splay: what
// they are is asked once for all repositories, which may take long where there is
// one in four years.
type fires struct {
	times schedule.Times
	known []time.Time
	ended bool
}

// firesOf are those that may be due after now; nil if the zone is not known.
func firesOf(one store.Schedule, a store.Agent, now time.Time) *fires {
	splay := one.Splay
	one.Splay = 0
	times, ok := timesOf(one, 0, a)
	if !ok {
		return nil
	}
	f := &fires{times: times}
	f.add(now.Add(-splay))
	return f
}

func (f *fires) add(after time.Time) {
	at := f.times.Next(after)
	if f.ended = at.IsZero(); !f.ended {
		f.known = append(f.known, at.Due)
	}
}

// more says whether there is one with this index.
func (f *fires) more(ctx context.Context, i int) bool {
	for i >= len(f.known) && !f.ended && ctx.Err() == nil {
		f.add(f.known[len(f.known)-1])
	}
	return i < len(f.known)
}

// upcoming is when one repository is due next, of left times.
type upcoming struct {
	fires *fires
	i     int
	splay time.Duration
	left  int
	run   NextRun
}

// first goes to the first time after now, next to the one that follows; they say
// whether there is one.
func (u *upcoming) first(ctx context.Context, now time.Time) bool {
	after := now.Add(-u.splay)
	f := u.fires
	u.i = sort.Search(len(f.known), func(i int) bool { return f.known[i].After(after) })
	for f.more(ctx, u.i) && !f.known[u.i].After(after) {
		u.i++
	}
	u.i--
	return u.next(ctx)
}

func (u *upcoming) next(ctx context.Context) bool {
	if u.i++; u.left == 0 || !u.fires.more(ctx, u.i) {
		return false
	}
	u.left--
	u.run.At = u.fires.known[u.i].Add(u.splay)
	return true
}

// upcomings are a heap: the earliest is the first.
type upcomings []upcoming

func (u upcomings) Len() int      { return len(u) }
func (u upcomings) Swap(i, k int) { u[i], u[k] = u[k], u[i] }
func (u *upcomings) Push(x any)   { *u = append(*u, x.(upcoming)) }

func (u upcomings) Less(i, k int) bool {
	if c := u[i].run.At.Compare(u[k].run.At); c != 0 {
		return c < 0
	}
	return u[i].run.Repository < u[k].run.Repository
}

func (u *upcomings) Pop() any {
	last := (*u)[len(*u)-1]
	*u = (*u)[:len(*u)-1]
	return last
}
