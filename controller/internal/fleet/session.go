package fleet

import (
	"context"
	"errors"
	"sync"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"

	"borgfleet/certs"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/wire"
)

// session is one epoch of one agent: from a Hello to the next, or to the end
// of its Report stream. It holds no truth, only what must still be said.
type session struct {
	id       certs.Identity // of the certificate that it began with
	agent    string
	epoch    string
	stateID  string
	bootID   string // empty: not told
	daemonID string // empty: an older agent
	began    time.Time

	ctx context.Context // ends with the epoch, and ends the streams with it
	end context.CancelCauseFunc

	watchWake  chan struct{}
	answerWake chan struct{}

	mu          sync.Mutex
	reporting   bool                           // a Report stream is open
	watching    bool                           // a Watch stream is open
	orders      map[int64]struct{}             // jobs whose order changed since the last message
	repos       map[int64]struct{}             // repositories changed since the last message
	resnapshot  bool                           // say everything again
	revision    uint64                         // newest revision sent
	applied     uint64                         // newest revision the agent has on disk
	unconfirmed time.Time                      // since when revision > applied; zero: it is not
	asked       []asked                        // who waits for a sign that the agent lives
	answers     map[job.Key]*fleetv1.JobAnswer // newest answer for each job, not yet sent
	draining    bool                           // the host takes no new jobs
	hooks       bool                           // this agent runs hooks; never changes
	claims      map[job.Key]int64              // ids by which the agent knows jobs that the store does not
	rewrites    map[int64]struct{}             // jobs that it told anew, and that were logged
	heardAt     time.Time                      // when the agent last said something
}

// errNewEpoch ends an epoch for a newer one. Agents retry it.
var errNewEpoch = connect.NewError(connect.CodeAborted, errors.New("this epoch has ended: say Hello again"))

func newSession(id certs.Identity, req *fleetv1.HelloRequest, now time.Time) *session {
	ctx, end := context.WithCancelCause(context.Background())
	return &session{
		id: id, agent: id.AgentID, began: now, heardAt: now, epoch: uuid.NewString(),
		stateID: req.StateId, bootID: req.BootId, daemonID: req.DaemonId, draining: req.Draining, hooks: req.Hooks,
		ctx: ctx, end: end,
		watchWake:  make(chan struct{}, 1),
		answerWake: make(chan struct{}, 1),
		orders:     map[int64]struct{}{},
		repos:      map[int64]struct{}{},
		answers:    map[job.Key]*fleetv1.JobAnswer{},
		claims:     map[job.Key]int64{},
		rewrites:   map[int64]struct{}{},
	}
}

func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

func (se *session) orderChanged(id int64) {
	se.mu.Lock()
	se.orders[id] = struct{}{}
	se.mu.Unlock()
	signal(se.watchWake)
}

func (se *session) repositoryChanged(id int64) {
	se.mu.Lock()
	se.repos[id] = struct{}{}
	se.mu.Unlock()
	signal(se.watchWake)
}

// answer replaces what is still to be said about a job: acknowledgements are a
// latest-value map, so a slow agent costs one entry a job, never a queue.
func (se *session) answer(a *fleetv1.JobAnswer) {
	key, err := job.KeyFromBytes(a.Key)
	if err != nil {
		return
	}
	se.mu.Lock()
	se.answers[key] = a
	se.mu.Unlock()
	signal(se.answerWake)
}

// unread says whether more is left to be said to the agent than a host can have
// jobs: it asks and does not listen.
func (se *session) unread() bool {
	se.mu.Lock()
	defer se.mu.Unlock()
	return len(se.answers) > job.MostUnreadAnswers
}

func (se *session) takeAnswers() []*fleetv1.JobAnswer {
	se.mu.Lock()
	defer se.mu.Unlock()
	out := make([]*fleetv1.JobAnswer, 0, len(se.answers))
	for _, a := range se.answers {
		out = append(out, a)
	}
	clear(se.answers)
	return out
}

// confirm takes the revision that the agent says is on its disk. An agent that
// comes on, if always one behind, is not one that has lost something.
func (se *session) confirm(applied uint64, now time.Time) {
	se.mu.Lock()
	defer se.mu.Unlock()
	if applied > se.revision || applied <= se.applied {
		return
	}
	se.applied = applied
	se.tellAsked()
	se.unconfirmed = now
	if se.applied == se.revision {
		se.unconfirmed = time.Time{}
	}
}

// overdue asks for a fresh snapshot if a revision has waited too long for its
// confirmation: whatever was lost on the way is said again.
func (se *session) overdue(now time.Time, limit time.Duration) {
	se.mu.Lock()
	late := !se.unconfirmed.IsZero() && now.Sub(se.unconfirmed) > limit
	if late {
		se.resnapshot = true
		se.unconfirmed = now
	}
	se.mu.Unlock()
	if late {
		signal(se.watchWake)
	}
}

// again asks for a fresh snapshot.
func (se *session) again() {
	se.mu.Lock()
	se.resnapshot = true
	se.mu.Unlock()
	signal(se.watchWake)
}

// open claims one of the epoch's two streams; a second one is refused, so that
// two half-dead connections cannot interleave.
func (se *session) open(flag *bool) bool {
	se.mu.Lock()
	defer se.mu.Unlock()
	if *flag || se.ctx.Err() != nil {
		return false
	}
	*flag = true
	return true
}

func (se *session) online() bool {
	se.mu.Lock()
	defer se.mu.Unlock()
	return se.reporting && se.ctx.Err() == nil
}

// drains takes the agent's newest word on whether its host takes new jobs, and
// says whether it is another one.
func (se *session) drains(now bool) (changed bool) {
	se.mu.Lock()
	defer se.mu.Unlock()
	changed, se.draining = se.draining != now, now
	return changed
}

// begin opens a new epoch and ends the agent's older one, unless the controller
// stops: then it says when to come back. An epoch that began after over was
// looked at has to be looked at itself: it comes back for that.
func (s *Service) begin(se, over *session) error {
	s.mu.Lock()
	if s.farewell != nil {
		defer s.mu.Unlock()
		return wire.GoingAway(errStopping, s.farewell.next())
	}
	old := s.sessions[se.agent]
	if old != nil && old != over && old.daemonID != se.daemonID {
		defer s.mu.Unlock()
		return errNewEpoch
	}
	s.sessions[se.agent] = se
	s.mu.Unlock()
	if old != nil {
		old.end(errNewEpoch)
	}
	return nil
}

// current finds the session of an epoch, or says why there is none.
func (s *Service) current(agent, epoch string) (*session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	se := s.sessions[agent]
	if se == nil || se.epoch != epoch || se.ctx.Err() != nil {
		return nil, errNewEpoch
	}
	return se, nil
}

func (s *Service) session(agent string) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions[agent]
}

// finish ends an epoch from our side or because its Report stream broke.
func (s *Service) finish(se *session, why error) {
	se.end(why)
	s.mu.Lock()
	if s.sessions[se.agent] == se {
		delete(s.sessions, se.agent)
		s.silent[se.agent] = s.now()
		s.lastWords[se.agent] = later(s.lastWords[se.agent], se.lastHeard())
	}
	s.mu.Unlock()
}

func (s *Service) draining(agent string) bool {
	se := s.session(agent)
	if se == nil {
		return false
	}
	se.mu.Lock()
	defer se.mu.Unlock()
	return se.draining
}

// hookless: the agent would back up without a word of the hooks that it has never
// heard of.
func (s *Service) hookless(agent string) bool {
	se := s.session(agent)
	return se != nil && !se.hooks
}

func (s *Service) online(agent string) bool {
	se := s.session(agent)
	return se != nil && se.online()
}

// silentFor says how long an agent has been away, counted in this controller's
// uptime: what happened while we were not there is not the agent's silence.
func (s *Service) silentFor(agent string) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	since := s.born
	if t := s.silent[agent]; t.After(since) {
		since = t
	}
	if se := s.sessions[agent]; se != nil {
		if se.online() {
			return 0
		}
		// A Hello is contact too: an epoch that has not opened its Report
		// stream yet is no silence.
		if se.began.After(since) {
			since = se.began
		}
	}
	return s.now().Sub(since)
}

// orderChanged tells the job's agent, if it is there, that its desired state
// for this job is another one.
func (s *Service) orderChanged(j job.Job) {
	if se := s.session(j.Agent); se != nil {
		se.orderChanged(j.ID)
	}
}
