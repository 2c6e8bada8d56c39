package fleet

import (
	"context"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"google.golang.org/protobuf/proto"

	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/proto/fleet/v1/fleetv1connect"
)

// What one agent can make the controller hold or do, whatever it sends. An agent
// as it should be stays far below.
const (
	mostHeldJobs         = 10_000 // in a Hello
	mostBorgs            = 16     // in a Hello
	mostHeldRepositories = 1000
	mostName             = 255 // bytes of what a host calls itself
	mostCalls            = 8   // of one agent that are open at once

	// mostActive are the jobs of an agent that have not ended: all of them are in
	// memory, and each decision about a host looks at all of its own.
	mostActive = 1000
	// stepJobs of a message are taken in at a time: all the fleet waits for the
	// committer.
	stepJobs = 64

	// newBurst jobs of an agent's own making are taken in at once, newRate a second
	// after that. A host that comes back to a restored store brings what it kept.
	newBurst = 5000
	newRate  = rate.Limit(1)

	// helloBurst Hellos of an agent are heard at once, one every helloEvery after
	// that. For each helloJobs and helloBytes in it one counts as one more. An
	// agent whose link flaps says one in 15 s, on average.
	helloBurst = 300
	helloEvery = 5 * time.Second
	helloJobs  = 1000
	helloBytes = 1 << 20

	// renewBurst certificates are given to an agent at once, one every renewEvery
	// after that. It asks for one in weeks, and for another in an hour at most.
	renewBurst = 20
	renewEvery = 5 * time.Minute

	// What an agent says beyond reportBurst is taken at reportRate: it waits on its
	// own disk, and cannot fill ours in a day.
	reportBurst = 512 << 20
	reportRate  = rate.Limit(128 << 10)
)

// measure is how much an agent may still say. It outlives connections.
type measure struct {
	jobs   *rate.Limiter // that it made itself
	bytes  *rate.Limiter
	hellos *rate.Limiter
	renews *rate.Limiter
	calls  int // open now; guarded by measures.mu
}

// measures has one for each agent.
type measures struct {
	mu sync.Mutex
	by map[string]*measure // guarded by mu
}

func newMeasures() *measures { return &measures{by: map[string]*measure{}} }

func (m *measures) of(agent string) *measure {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.by[agent] == nil {
		m.by[agent] = &measure{
			jobs: rate.NewLimiter(newRate, newBurst), bytes: rate.NewLimiter(reportRate, reportBurst),
			hellos: rate.NewLimiter(rate.Every(helloEvery), helloBurst), renews: rate.NewLimiter(rate.Every(renewEvery), renewBurst),
		}
	}
	return m.by[agent]
}

// enter counts a call of an agent's; leave takes it back.
func (m *measures) enter(agent string) (leave func(), err error) {
	one := m.of(agent)
	m.mu.Lock()
	defer m.mu.Unlock()
	if one.calls >= mostCalls {
		return nil, fault.New(fault.TooMany, "too_many_calls", "%d calls of this agent are open already; end some", one.calls)
	}
	one.calls++
	return func() {
		m.mu.Lock()
		one.calls--
		m.mu.Unlock()
	}, nil
}

// heard counts a call that is dear, before a byte of it is read. An agent takes
// the refusal for one that a later try will not get.
func (m *measures) heard(agent, path string, now time.Time) error {
	one, of, every := m.of(agent).hellos, "Hellos", helloEvery
	switch path {
	case fleetv1connect.FleetServiceHelloProcedure:
	case fleetv1connect.FleetServiceRenewProcedure:
		one, of, every = m.of(agent).renews, "renewals", renewEvery
	default:
		return nil
	}
	if one.AllowN(now, 1) {
		return nil
	}
	return fault.New(fault.TooMany, "too_many_calls", "too many %s of this agent; one is heard every %s", of, every)
}

// longHello charges a Hello for its length, on credit if need be: the next ones
// wait for that.
func (m *measures) longHello(agent string, req *fleetv1.HelloRequest, now time.Time) {
	if more := len(req.Jobs)/helloJobs + proto.Size(req)/helloBytes; more > 0 {
		m.of(agent).hellos.ReserveN(now, more)
	}
}

// pace waits until an agent may say so much more.
func (m *measures) pace(ctx context.Context, agent string, r *fleetv1.ReportRequest) error {
	return m.of(agent).bytes.WaitN(ctx, min(proto.Size(r), reportBurst))
}

// mayAdopt says why a job that an agent made itself is not taken in.
func (s *Service) mayAdopt(tx *store.Tx, agent string, spec job.Spec, p *fleetv1.JobSpec, ended bool) error {
	if n := proto.Size(p); n > job.MaxSpec {
		return fault.New(fault.Malformed, "spec_too_long", "the spec has %d bytes, and %d are the most", n, job.MaxSpec)
	}
	id := spec.Repository.ID
	repo, known := tx.Repository(id)
	former, deleted := tx.FormerRepository(id)
	switch {
	case known && repo.Agent != agent, deleted && former.Agent != agent:
		return fault.New(fault.Forbidden, "not_your_repository", "repository %d belongs to another agent", id)
	case id != 0 && !known && !deleted && !tx.RepositoryIDGiven(id): // 0 is nobody's, ever
		// Its history would be that of whoever is given the id.
		return fault.New(fault.Forbidden, "not_your_repository", "no repository has had the id %d", id)
	case !ended && !ownPlace(tx, agent, spec.Repository.Path):
		// It would keep others from their own repository. When it has ended it
		// holds nothing, and is taken in.
		return fault.New(fault.Forbidden, "not_your_repository", "%s is where other agents have repositories, and this one has none", clip(spec.Repository.Path))
	case !ended && tx.ActiveCount(agent) >= mostActive:
		return fault.New(fault.TooMany, "too_many_jobs", "%d jobs of this agent have not ended already", mostActive)
	case !s.measures.of(agent).jobs.AllowN(s.now(), 1):
		return fault.New(fault.TooMany, "too_many_jobs", "the agent has brought %d new jobs already; it may bring the others later", newBurst)
	}
	return nil
}

// ownPlace says whether an agent may have a job where that repository lies: it
// has one there itself, or nobody has.
func ownPlace(tx *store.Tx, agent, path string) bool {
	place := job.Location(path, agent)
	there := func(r store.Repository) bool { return job.Location(r.Path, r.Agent) == place }
	return slices.ContainsFunc(tx.RepositoriesOf(agent), there) || !slices.ContainsFunc(tx.Repositories(), there)
}
