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
	"sync/atomic"
	"time"

	"borgfleet/certs"
	"borgfleet/controller/internal/audit"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/envelope"
	"borgfleet/shared/job"
)

// Options is what a Service needs. All fields but Meter must be set.
type Options struct {
	Store     *store.Store
	Authority *certs.Authority
	ShutOut   ShutOut
	Audit     *audit.Trail
	AgentURL  string // where agents find this controller; goes into join tokens
	Settings  Settings
	Logger    *slog.Logger
	Now       func() time.Time
	Meter     Meter // nil: nobody measures
}

// ShutOut are the agents that must never come back. It outlives the store, which
// may be restored from a backup that knows less.
type ShutOut interface {
	Add(agent string, at time.Time) error // returns when it is on the disk
	At(agent string) (time.Time, bool)
}

// Settings are the times and limits that an installation may change.
type Settings struct {
	StartDeadline   time.Duration // a manual job that has not started by then fails
	LostAfter       time.Duration // silence, in controller uptime, after which a job is given up
	ContactLost     time.Duration // silence after which a job stops holding its location
	ConfirmSnapshot time.Duration // an unconfirmed revision gets a fresh snapshot after this
	AnswerWait      time.Duration // how long a daemon may take to show that it lives, when a second one comes
	CancelWait      time.Duration // how long a cancel waits for borg to be gone
	InitWait        time.Duration // how long registering a repository waits for borg
	ListWait        time.Duration // how long a refresh of the archives waits for borg
	ContentsWait    time.Duration // how long a look into an archive waits for borg
	MaxParallel     int           // jobs per host, unless the agent's record says otherwise
	MessageStall    time.Duration // that a message of an agent may stand still; see envelope
}

// DefaultSettings are the documented ones.
func DefaultSettings() Settings {
	return Settings{
		StartDeadline:   job.DefaultStartDeadline,
		LostAfter:       job.LostAfter,
		ContactLost:     job.ContactLost,
		ConfirmSnapshot: 30 * time.Second,
		AnswerWait:      5 * time.Second,
		CancelWait:      10 * time.Second,
		InitWait:        10 * time.Second,
		ListWait:        10 * time.Second,
		ContentsWait:    30 * time.Second,
		MaxParallel:     1,
		MessageStall:    envelope.Patience,
	}
}

// Service is one controller's fleet.
type Service struct {
	store     *store.Store
	authority *certs.Authority
	shutOut   ShutOut
	audit     *audit.Trail
	agentURL  string
	set       Settings
	log       *slog.Logger
	now       func() time.Time
	meter     Meter
	born      time.Time                 // uptime starts here: silence is never counted from before
	looked    time.Time                 // by the wall, at what lasts; only keepConditions uses it
	woken     atomic.Pointer[time.Time] // by the wall, after time in which nobody looked; nil: there was none

	mu       sync.Mutex
	farewell *farewell            // no epoch begins any more; nil: the controller does not stop; guarded by mu
	sessions map[string]*session  // by agent id; guarded by mu
	silent   map[string]time.Time // since when an agent without session is silent; guarded by mu

	ending    chan struct{}        // closed when the controller stops
	lastWords map[string]time.Time // of ended sessions, by agent; guarded by mu

	watch     *watchers
	feed      *feed
	followers *followers
	gates     map[string]*gate // by procedure; never changed
	measures  *measures

	lookups      *lookups
	timetables   *timetables
	expectations *expectations // of good backups
	overdue      *expectations // of any

	folders   *folders
	listsWake chan struct{} // a list may be ready for the catalogue
	clear     atomic.Bool   // a deleted repository has left archives in the store
}

// New makes a Service. Run must be called for its clocks to tick.
func New(o Options) *Service {
	s := &Service{
		store:     o.Store,
		authority: o.Authority,
		shutOut:   o.ShutOut,
		audit:     o.Audit,
		agentURL:  o.AgentURL,
		set:       o.Settings,
		log:       o.Logger,
		now:       o.Now,
		meter:     measured(o.Meter),
		born:      o.Now(),
		sessions:  map[string]*session{},
		silent:    map[string]time.Time{},
		ending:    make(chan struct{}),
		lastWords: map[string]time.Time{},
		watch:     newWatchers(),
		feed:      newFeed(),
		followers: newFollowers(o.Now),
		gates:     newGates(),
		measures:  newMeasures(),

		lookups:      newLookups(),
		timetables:   newTimetables(),
		expectations: newExpectations(),
		overdue:      newExpectations(),

		folders:   newFolders(),
		listsWake: make(chan struct{}, 1),
	}
	s.store.Observe(s.notice)
	return s
}

// Run watches the clocks until ctx ends: start deadlines, silent agents,
// unconfirmed revisions, what people are to be told; and takes lists of archives in. Then it ends every
// session, so that the agents see a clean end and come back.
func (s *Service) Run(ctx context.Context) {
	var keeper sync.WaitGroup
	keeper.Go(func() { s.keepCatalogue(ctx) })
	keeper.Go(func() { s.keepConditions(ctx) })
	defer keeper.Wait()
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

// change is the one way a job changes here: Next decides, the store keeps. Who
// waits for the job hears of it from the store, once the disk has it.
func (s *Service) change(tx *store.Tx, j job.Job, ev job.Event) (job.Job, job.Effects, error) {
	next, fx, err := job.Next(j, ev)
	if err != nil || !fx.Changed {
		return j, fx, err
	}
	if !fx.Store {
		tx.SetLive(next)
		return next, fx, nil
	}
	if err := tx.PutJob(next); err != nil {
		return j, fx, err
	}
	if err := s.tellBackup(tx, next); err != nil {
		return j, fx, err
	}
	if fx.Ended {
		if err := s.noteRefusal(tx, j, next); err != nil {
			return j, fx, err
		}
		if err := s.tellEnd(tx, next); err != nil {
			return j, fx, err
		}
		if err := s.conclude(tx, next); err != nil {
			return j, fx, err
		}
		if err := s.followUp(tx, next); err != nil {
			return j, fx, err
		}
	}
	s.noticeBeside(tx, j, next)
	tx.OnCommit(func() {
		s.listArrived(next)
		if fx.Order {
			s.orderChanged(next)
		}
		s.logChange(j, next)
	})
	return next, fx, nil
}

// listArrived wakes the keeper of the catalogue for a list that is complete.
func (s *Service) listArrived(j job.Job) {
	if j.LogComplete() && (listsArchives(j.Spec) || tellsOfArchives(j)) {
		signal(s.listsWake)
	}
}

// conclude draws the conclusions from a job's end, in the commit of its verdict.
func (s *Service) conclude(tx *store.Tx, j job.Job) error {
	if j.Verdict.BorgID != "" {
		if err := s.rememberBorgID(tx, j); err != nil {
			return err
		}
	}
	if err := s.settlePassphrase(tx, j); err != nil {
		return err
	}
	if err := s.settleRepository(tx, j); err != nil {
		return err
	}
	if tellsOfArchives(j) {
		if err := s.noteArchives(tx, j); err != nil {
			return err
		}
	}
	if changesArchives(j) {
		return s.listAfter(tx, j) // also after a bad end: some may be gone
	}
	if !j.Status.Good() {
		return nil
	}
	switch {
	case j.Spec.Kind == job.Backup:
		return s.noteBackup(tx, j)
	case listsArchives(j.Spec):
		return s.noteList(tx, j)
	}
	return nil
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
