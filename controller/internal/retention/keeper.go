package retention

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"borgfleet/controller/internal/store"
)

// Options is what a Keeper needs.
type Options struct {
	Store  *store.Store
	Policy Policy
	Audit  Trail
	Logger *slog.Logger
	Now    func() time.Time

	PackAt int64 // bytes that were removed, after which the disk is given back; 0: usual
	// Pause waits after an update that took so long, for others' sake; nil: usual.
	Pause func(ctx context.Context, took time.Duration) error
}

// Trail takes down what was done.
type Trail interface {
	Own(ctx context.Context, what, detail string)
}

const (
	// lookEvery is how often it is looked whether there is something to do, and
	// sweepEvery how often all that is old is looked for.
	lookEvery  = time.Minute
	sweepEvery = time.Hour

	// usualPackAt is worth what packing costs: as much is written to the table in
	// memory first.
	usualPackAt = 64 << 20
)

// Keeper removes what the policy does not keep.
type Keeper struct {
	Options

	mu   sync.Mutex // guards what follows
	last Sweep
	next time.Time
}

// Sweep is what was done at one time.
type Sweep struct {
	BeganAt  time.Time // zero: nothing was done since the controller was started
	EndedAt  time.Time // zero: it is at work
	Logs     int64     // logs that were removed
	LogBytes int64     // that they had
	Jobs     int64
	Audit    int64 // entries of the audit log
	Packed   bool  // the disk was given back
	Problem  string
}

// State is how it stands.
type State struct {
	Policy Policy
	Last   Sweep
	Next   time.Time
}

// New makes a Keeper.
func New(o Options) *Keeper {
	if o.PackAt == 0 {
		o.PackAt = usualPackAt
	}
	if o.Pause == nil {
		o.Pause = pause
	}
	return &Keeper{Options: o, next: o.Now().Add(lookEvery)}
}

// State says how it stands.
func (k *Keeper) State() State {
	k.mu.Lock()
	defer k.mu.Unlock()
	return State{Policy: k.Policy, Last: k.last, Next: k.next}
}

// Run sweeps now and then until ctx ends.
func (k *Keeper) Run(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if k.due() {
				k.Sweep(ctx)
			}
		}
	}
}

// due: the time has come, or there is more than should be.
func (k *Keeper) due() bool {
	return !k.Now().Before(k.State().Next) || k.tooManyBytes() || k.tooManyJobs() > k.Policy.Jobs/100
}

func (k *Keeper) tooManyBytes() bool {
	return k.Policy.LogBytes > 0 && k.Store.LogBytes() > k.Policy.LogBytes
}

func (k *Keeper) tooManyJobs() int {
	if k.Policy.Jobs == 0 {
		return 0
	}
	return max(0, k.Store.Count()-k.Policy.Jobs)
}

// Sweep removes all that is to be removed now. What it could not do it does next
// time: it begins anew with what is there.
func (k *Keeper) Sweep(ctx context.Context) {
	k.note(func(s *Sweep) { *s = Sweep{BeganAt: k.Now().UTC()} })
	var err error
	for _, part := range []func(context.Context) error{k.sweepLogs, k.sweepJobs, k.sweepAudit, k.giveBack} {
		if err = part(ctx); err != nil {
			break
		}
	}
	k.mu.Lock()
	k.last.EndedAt = k.Now().UTC()
	if err != nil {
		k.last.Problem = err.Error()
	}
	k.next = k.last.EndedAt.Add(sweepEvery)
	done := k.last
	k.mu.Unlock()
	switch {
	case err != nil && ctx.Err() == nil:
		k.Logger.Error("remove what is old", "err", err)
	case done.Logs+done.Jobs+done.Audit > 0:
		k.Logger.Info("removed what is old", "logs", done.Logs, "log_bytes", done.LogBytes, "jobs", done.Jobs,
			"audit_entries", done.Audit, "took", done.EndedAt.Sub(done.BeganAt))
	}
}

func (k *Keeper) note(fn func(*Sweep)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	fn(&k.last)
}

// before is the moment before which something has been kept for long enough. A
// clock that is wrong by years must not take all history with it: time is believed
// to have gone on for LeastHistory since the newest job, and no further.
func (k *Keeper) before(age time.Duration) time.Time {
	now := k.Now()
	if _, newest := k.Store.Span(); now.Sub(newest) > LeastHistory {
		now = newest.Add(LeastHistory)
	}
	return now.Add(-age)
}

// giveBack has the store give the disk back when that is worth it.
func (k *Keeper) giveBack(ctx context.Context) error {
	disk, err := k.Store.DiskBytes()
	if err != nil || k.Store.Removed() < max(k.PackAt, disk/8) {
		return err
	}
	if err := k.Store.GiveBack(ctx, func(took time.Duration) error { return k.Pause(ctx, took) }); err != nil {
		return err
	}
	k.note(func(s *Sweep) { s.Packed = true })
	return nil
}
