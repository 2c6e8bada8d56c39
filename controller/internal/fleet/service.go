// Package fleet is the controller's middle: it knows which agents are there,
// hands out jobs, takes in what the agents report, and answers what people ask.
//
// Every change goes through the store's one committer, in a closure that reads
// the job, asks job.Next, and writes the result. What must happen after the
// disk has it (answers to agents, wake-ups) is queued with OnCommit, so nobody
// is told anything that a crash could take back.
package fleet

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"borgfleet/certs"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

// Options is what a Service needs. All fields must be set.
type Options struct {
	Store     *store.Store
	Authority *certs.Authority
	AgentURL  string // where agents find this controller; goes into join tokens
	Settings  Settings
	Logger    *slog.Logger
	Now       func() time.Time
}

// Settings are the times and limits that an installation may change.
type Settings struct {
	StartDeadline   time.Duration // a manual job that has not started by then fails
	LostAfter       time.Duration // silence, in controller uptime, after which a job is given up
	ContactLost     time.Duration // silence after which a job stops holding its location
	ConfirmSnapshot time.Duration // an unconfirmed revision gets a fresh snapshot after this
	CancelWait      time.Duration // how long a cancel waits for borg to be gone
	InitWait        time.Duration // how long registering a repository waits for borg
	MaxParallel     int           // jobs per host, unless the agent's record says otherwise
}

// DefaultSettings are the documented ones.
func DefaultSettings() Settings {
	return Settings{
		StartDeadline:   job.DefaultStartDeadline,
		LostAfter:       job.LostAfter,
		ContactLost:     job.ContactLost,
		ConfirmSnapshot: 30 * time.Second,
		CancelWait:      10 * time.Second,
		InitWait:        10 * time.Second,
		MaxParallel:     1,
	}
}

// Service is one controller's fleet.
type Service struct {
	store     *store.Store
	authority *certs.Authority
	agentURL  string
	set       Settings
	log       *slog.Logger
	now       func() time.Time
	born      time.Time // uptime starts here: silence is never counted from before

	mu       sync.Mutex
	stopping bool                 // no epoch begins any more; guarded by mu
	sessions map[string]*session  // by agent id; guarded by mu
	silent   map[string]time.Time // since when an agent without session is silent; guarded by mu

	watch     *watchers
	followers *followers
	enrolGate *enrolGate
}

// New makes a Service. Run must be called for its clocks to tick.
func New(o Options) *Service {
	return &Service{
		store:     o.Store,
		authority: o.Authority,
		agentURL:  o.AgentURL,
		set:       o.Settings,
		log:       o.Logger,
		now:       o.Now,
		born:      o.Now(),
		sessions:  map[string]*session{},
		silent:    map[string]time.Time{},
		watch:     newWatchers(),
		followers: newFollowers(o.Now),
		enrolGate: newEnrolGate(),
	}
}

// Run watches the clocks until ctx ends: start deadlines, silent agents,
// unconfirmed revisions. Then it ends every session, so that the agents see a
// clean end and come back.
func (s *Service) Run(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			s.endSessions()
			return
		case <-tick.C:
			s.sweep(ctx)
		}
	}
}

// change is the one way a job changes here: Next decides, the store keeps,
// and whoever waits for the job is told once the disk has it.
func (s *Service) change(tx *store.Tx, j job.Job, ev job.Event) (job.Job, job.Effects, error) {
	next, fx, err := job.Next(j, ev)
	if err != nil || !fx.Changed {
		return j, fx, err
	}
	if !fx.Store {
		tx.SetLive(next)
		tx.OnCommit(func() { s.watch.wake(next.ID) })
		return next, fx, nil
	}
	if err := tx.PutJob(next); err != nil {
		return j, fx, err
	}
	if fx.Ended && next.Spec.Kind == job.Init {
		if err := s.settleRepository(tx, next); err != nil {
			return j, fx, err
		}
	}
	if fx.Ended && next.Verdict.BorgID != "" {
		if err := s.rememberBorgID(tx, next); err != nil {
			return j, fx, err
		}
	}
	tx.OnCommit(func() {
		s.watch.wake(next.ID)
		if fx.Order {
			s.orderChanged(next)
		}
		s.logChange(j, next)
	})
	return next, fx, nil
}

func (s *Service) logChange(old, j job.Job) {
	if old.Status == j.Status {
		return
	}
	attrs := []any{"job", j.ID, "agent", j.Agent, "kind", j.Spec.Kind, "repository", j.Spec.Repository.Path, "status", j.Status}
	if j.Verdict != nil && j.Verdict.ErrorCode != "" {
		attrs = append(attrs, "code", j.Verdict.ErrorCode)
	}
	s.log.Info("job", attrs...)
}
