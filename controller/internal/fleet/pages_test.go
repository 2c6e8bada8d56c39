package fleet

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

// past is a history that goes on while it is read, and what anybody would say of it
// who looks at one job after another.
type past struct {
	t      *testing.T
	rand   *rand.Rand
	st     *store.Store
	s      *Service
	now    time.Time
	agents []store.Agent
	repos  []store.Repository
	gone   int64 // a repository whose registration was deleted
	jobs   map[int64]job.Job
}

func newPast(t *testing.T, seed uint64) *past {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	st, err := store.Open(t.TempDir(), store.Options{Logger: log})
	must(t, err)
	t.Cleanup(func() { st.Close() })
	p := &past{t: t, rand: rand.New(rand.NewPCG(seed, 2)), st: st, now: time.Now().UTC().Truncate(time.Second), jobs: map[int64]job.Job{}}
	p.s = New(Options{Store: st, Settings: DefaultSettings(), Logger: log, Now: func() time.Time { return p.now }})
	must(t, st.Update(t.Context(), func(tx *store.Tx) error {
		for i := range 5 {
			p.agents = append(p.agents, store.Agent{ID: fmt.Sprint("id-", i), Name: fmt.Sprint("host", i), Labels: p.labels()})
			if err := tx.PutAgent(p.agents[i]); err != nil {
				return err
			}
		}
		for i := range 9 {
			repo := store.Repository{Agent: p.agents[i%4].ID, Status: store.RepositoryReady, CreatedAt: p.now, Repository: job.Repository{
				ID: tx.NewRepositoryID(), Name: fmt.Sprint("name", i/2), Path: fmt.Sprint("/path", i), Sources: []string{"/etc"},
			}}
			p.repos = append(p.repos, repo)
			if err := tx.PutRepository(repo); err != nil {
				return err
			}
		}
		return nil
	}))
	for range 12 {
		p.goOn(8)
	}
	p.gone = p.repos[8].ID
	must(t, st.Update(t.Context(), func(tx *store.Tx) error { return tx.DeleteRepository(p.gone) }))
	return p
}

func (p *past) labels() map[string]string {
	return map[string]string{"env": one(p, "prod", "test"), "site": one(p, "berlin", "rome", "oslo")}
}

func one[T any](p *past, of ...T) T { return of[p.rand.IntN(len(of))] }

// goOn makes some changes: jobs come, also late, go on, end, end otherwise after all,
// are deleted; hosts get other labels.
func (p *past) goOn(changes int) {
	p.t.Helper()
	must(p.t, p.st.Update(p.t.Context(), func(tx *store.Tx) error {
		for range changes {
			if err := p.change(tx); err != nil {
				return err
			}
		}
		return nil
	}))
}

func (p *past) change(tx *store.Tx) error {
	j, any := p.anyJob()
	switch p.rand.IntN(12) {
	default:
		return p.newJob(tx)
	case 0, 1, 2, 3:
		if !any {
			return nil
		}
		j.Status, j.Sent, j.Verdict = one(p, job.Statuses()...), true, nil
		if j.Status.Final() {
			j.Verdict = &job.Verdict{Status: j.Status, EndedAt: j.Spec.CreatedAt.Add(time.Minute)}
		}
		p.jobs[j.ID] = j
		return tx.PutJob(j)
	case 4:
		if !any || !j.Status.Final() {
			return nil
		}
		delete(p.jobs, j.ID)
		return tx.ExpireJob(j.ID)
	case 5:
		a := &p.agents[p.rand.IntN(len(p.agents))]
		a.Labels = p.labels()
		return tx.PutAgent(*a)
	}
}

func (p *past) anyJob() (job.Job, bool) {
	all := p.sorted()
	if len(all) == 0 {
		return job.Job{}, false
	}
	return all[p.rand.IntN(len(all))], true
}

func (p *past) newJob(tx *store.Tx) error {
	p.now = p.now.Add(time.Duration(p.rand.IntN(3)) * time.Second) // several in one second, too
	at := p.now
	if p.rand.IntN(3) == 0 {
		at = at.Add(-time.Duration(p.rand.IntN(120)) * time.Second)
	}
	key, err := job.NewKey()
	if err != nil {
		return err
	}
	repo := one(p, p.repos...)
	j := job.New(tx.NewJobID(), key, repo.Agent, job.Spec{
		Kind: one(p, job.Backup, job.Backup, job.Prune, job.Check), Repository: repo.Repository, CreatedAt: at, StartDeadline: at.AddDate(0, 0, 1),
		TriggeredBy: one(p, job.ByManual, job.BySchedule, job.ByAgent), ScheduleID: p.rand.Int64N(3),
	})
	p.jobs[j.ID] = j
	return tx.PutJob(j)
}

// sorted has all jobs, newest first.
func (p *past) sorted() []job.Job {
	var all []job.Job
	for _, j := range p.jobs {
		all = append(all, j)
	}
	slices.SortFunc(all, func(a, b job.Job) int {
		return cmp.Or(b.Spec.CreatedAt.Compare(a.Spec.CreatedAt), cmp.Compare(b.ID, a.ID))
	})
	return all
}

// query draws a question: any of its parts, in any combination.
func (p *past) query() (q JobQuery, scope *store.Scope) {
	maybe := func(set func()) {
		if p.rand.IntN(3) == 0 {
			set()
		}
	}
	repo := one(p, p.repos...)
	maybe(func() { a := one(p, p.agents...); q.Agent = one(p, a.ID, a.Name) })
	maybe(func() { q.Repository = one(p, repo.Path, repo.Name, fmt.Sprint(repo.ID)) })
	maybe(func() { q.Label = one(p, "env=prod", "site=rome", "site=nowhere", "no=label") })
	maybe(func() { q.Statuses = job.Statuses()[p.rand.IntN(6):] })
	maybe(func() { q.Kinds = []job.Kind{one(p, job.Backup, job.Prune, job.List), job.Check} })
	maybe(func() { q.ScheduleID = 1 + p.rand.Int64N(3) })
	maybe(func() { q.ScheduledOnly = true })
	maybe(func() { q.ManualOnly = !q.ScheduledOnly })
	maybe(func() { q.Since = p.now.Add(-time.Duration(p.rand.IntN(200)) * time.Second) })
	maybe(func() { q.Until = p.now.Add(-time.Duration(p.rand.IntN(100)) * time.Second) })
	maybe(func() {
		scope = &store.Scope{Repositories: []int64{repo.ID, 999}, Agents: []string{one(p, p.agents...).ID}}
	})
	return q, scope
}

// matches says of one job whether it is asked for now.
func (p *past) matches(q JobQuery, scope *store.Scope, j job.Job) bool {
	var a store.Agent
	for _, one := range p.agents {
		if one.ID == j.Agent {
			a = one
		}
	}
	key, value, _ := strings.Cut(q.Label, "=")
	repo := j.Spec.Repository
	switch {
	case q.Agent != "" && q.Agent != a.ID && q.Agent != a.Name,
		q.Repository != "" && q.Repository != repo.Path && q.Repository != repo.Name && q.Repository != fmt.Sprint(repo.ID),
		q.Label != "" && a.Labels[key] != value,
		q.Statuses != nil && !slices.Contains(q.Statuses, j.Status),
		q.Kinds != nil && !slices.Contains(q.Kinds, j.Spec.Kind),
		q.ScheduleID != 0 && q.ScheduleID != j.Spec.ScheduleID,
		q.ScheduledOnly && j.Spec.TriggeredBy != job.BySchedule,
		q.ManualOnly && j.Spec.TriggeredBy == job.BySchedule,
		!q.Since.IsZero() && j.Spec.CreatedAt.Before(q.Since),
		!q.Until.IsZero() && !j.Spec.CreatedAt.Before(q.Until),
		scope != nil && !slices.Contains(scope.Repositories, repo.ID) && (repo.ID == p.gone || !slices.Contains(scope.Agents, j.Agent)):
		return false
	}
	return true
}

// TestPagesOfAPastThatGoesOn reads page after page by all kinds of questions while
// the history changes. Each page is what is there at that moment beyond the one
// before; a job that was asked for all the time is seen once, and none twice.
func TestPagesOfAPastThatGoesOn(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			p := newPast(t, seed)
			found := 0
			for range 120 {
				q, scope := p.query()
				found += p.readPages(q, scope)
			}
			if found < 300 {
				t.Errorf("the questions found %d jobs in all: they show nothing", found)
			}
		})
	}
}

func (p *past) readPages(q JobQuery, scope *store.Scope) (found int) {
	p.t.Helper()
	ctx := WithScope(context.Background(), scope)
	steady, seen := map[int64]bool{}, map[int64]bool{}
	for id, j := range p.jobs {
		steady[id] = p.matches(q, scope, j)
	}
	var last *job.Job
	for {
		q.Limit = 1 + p.rand.IntN(9)
		page, err := p.s.Jobs(ctx, q)
		if fault.Of(err).Code == "invalid_request" && q.Cursor == "" {
			return found + p.nothing(q, scope) // outside of the scope
		}
		must(p.t, err)
		var want, got []int64
		for _, j := range p.sorted() {
			beyond := last == nil || cmp.Or(j.Spec.CreatedAt.Compare(last.Spec.CreatedAt), cmp.Compare(j.ID, last.ID)) < 0
			if beyond && len(want) < q.Limit && p.matches(q, scope, j) {
				want = append(want, j.ID)
			}
		}
		for _, v := range page.Jobs {
			got = append(got, v.ID)
			if seen[v.ID] {
				p.t.Fatalf("%+v: job %d twice", q, v.ID)
			}
			seen[v.ID] = true
			last = &v.Job
		}
		if !slices.Equal(got, want) {
			p.t.Fatalf("%+v, %+v: %d, want %d", q, scope, got, want)
		}
		if q.Cursor = page.NextCursor; q.Cursor == "" {
			break
		}
		p.refusedElsewhere(ctx, q)
		p.goOn(p.rand.IntN(4))
		for id, j := range p.jobs {
			steady[id] = steady[id] && p.matches(q, scope, j)
		}
		for id := range steady {
			if _, there := p.jobs[id]; !there {
				delete(steady, id)
			}
		}
	}
	for id, always := range steady {
		if always && !seen[id] {
			p.t.Fatalf("%+v: job %d was asked for all the time, and is in no page", q, id)
		}
	}
	return found + len(seen)
}

// nothing holds a question that is refused to what is there.
func (p *past) nothing(q JobQuery, scope *store.Scope) int {
	p.t.Helper()
	for _, j := range p.jobs {
		if p.matches(q, scope, j) {
			p.t.Fatalf("%+v, %+v is refused, and job %d is asked for", q, scope, j.ID)
		}
	}
	return 0
}

// refusedElsewhere: another question does not take this one's cursor.
func (p *past) refusedElsewhere(ctx context.Context, q JobQuery) {
	p.t.Helper()
	other := q
	switch p.rand.IntN(5) {
	case 0:
		other.Label += "env=other"
	case 1:
		other.ScheduledOnly = !other.ScheduledOnly
	case 2:
		other.Since = other.Since.Add(time.Second)
	case 3:
		other.Statuses = append(slices.Clone(q.Statuses), job.Failed)
	case 4:
		other.ScheduleID++
	}
	if page, err := p.s.Jobs(ctx, other); fault.Of(err).Code != "invalid_request" && len(page.Jobs) > 0 {
		p.t.Fatalf("%+v takes the cursor of %+v: %v", other, q, err)
	}
}
