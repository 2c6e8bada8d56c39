package daemon

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"google.golang.org/protobuf/proto"

	"borgfleet/agent/internal/atomicfile"
	"borgfleet/agent/internal/jobdir"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/wire"
)

// Apply takes a piece of the desired state and returns when it is on disk: only
// then is its revision confirmed. What the disk refuses does not keep the rest
// from being carried out.
func (d *Daemon) Apply(m *fleetv1.WatchResponse) error {
	errs := []error{d.define(m)}
	var bad error // the first one
	left := 0
	for _, o := range m.Orders {
		if err := d.order(o); errors.Is(err, errBadOrder) {
			// Nothing that a repeat could mend: the others must not wait for it.
			left++
			bad = cmp.Or(bad, err)
		} else if err != nil {
			errs = append(errs, err)
		}
	}
	if left > 0 { // in one line: who sends them must not fill the log
		d.log.Error("orders left alone", "orders", left, "err", clip(bad.Error()))
	}
	return errors.Join(errs...)
}

// define takes what a message says of repositories.
func (d *Daemon) define(m *fleetv1.WatchResponse) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	defer d.turnSoon()
	changed, err := d.desired.apply(m)
	if err != nil || !changed {
		return err
	}
	d.heldChanges++
	if held := d.desired.heldNow(); len(held) > 0 {
		d.log.Warn("the controller's store is another one and knows repositories of this host otherwise, or not; they are kept here until an administrator decides", "repositories", names(held))
	}
	return nil
}

func names(of []job.Repository) (out []string) {
	const named = 10
	for _, r := range of[:min(len(of), named)] {
		out = append(out, clip(r.Name))
	}
	if more := len(of) - len(out); more > 0 {
		out = append(out, fmt.Sprintf("and %d more", more))
	}
	return out
}

// clip keeps what a controller wrote short in this host's log.
func clip(s string) string {
	const most = 300
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// errBadOrder marks an order that can never be taken.
var errBadOrder = errors.New("bad order")

func (d *Daemon) order(o *fleetv1.Order) error {
	key, err := job.KeyFromBytes(o.Key)
	if err != nil {
		return fmt.Errorf("%w: %w", errBadOrder, err)
	}
	t, held := d.get(key)
	if !held {
		if t, err = d.take(key, o); err != nil {
			return fmt.Errorf("order %s: %w", key, err)
		}
	} else if o.Expected != nil && !t.dir.Ended() {
		if err := t.dir.SetExpected(o.Expected); err != nil { // before it is released
			return fmt.Errorf("order %s: %w", key, err)
		}
	}
	d.note(t, d.learnID(t.dir, o.Id))
	d.carryOut(t, o.Desired)
	return nil
}

// take makes the directory of an order that is new here. From this moment the
// key is used up: whatever happens, it will not be executed a second time.
func (d *Daemon) take(key job.Key, o *fleetv1.Order) (*tended, error) {
	now := d.o.Now().UTC()
	spec, err := wire.ToSpec(o.Spec)
	if err == nil {
		err = d.bounded(spec, now)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errBadOrder, err)
	}
	var dir *jobdir.Dir
	switch {
	case o.Desired == fleetv1.Order_DESIRED_CANCEL:
		dir, err = jobdir.CreateEnded(d.o.State.Jobs(), key, spec, job.Verdict{
			Status: job.Cancelled, EndedAt: now, ErrorCode: job.CodeCancelled,
			ErrorMessage: "cancelled before it reached its host",
		})
	case !now.Before(spec.StartDeadline):
		dir, err = jobdir.CreateEnded(d.o.State.Jobs(), key, spec, job.Verdict{
			Status: job.Failed, EndedAt: now, ErrorCode: job.CodeDeadline,
			ErrorMessage: "the order reached its host after its start deadline " + spec.StartDeadline.Format("2006-01-02T15:04:05Z"),
		})
	default:
		dir, err = jobdir.Create(d.o.State.Jobs(), key, spec, job.PhaseAccepted)
	}
	if errors.Is(err, jobdir.ErrExists) {
		return d.takeUp(key)
	}
	if err != nil {
		return nil, err
	}
	if o.Expected != nil {
		// Before anybody looks after the directory. Without it, after a crash
		// right here, the job fails and says that it was not told.
		if err := dir.SetExpected(o.Expected); err != nil {
			return nil, err
		}
	}
	d.log.Info("order taken", "job", key, "id", o.Id, "kind", spec.Kind, "repository", clip(spec.Repository.Path))
	t := d.add(dir)
	d.mu.Lock()
	t.size += proto.Size(o.Expected)
	d.mu.Unlock()
	return t, nil
}

// takeUp looks after a directory that is there and that nobody knows of: its
// making failed at the very end. Without that its job would neither start nor
// could it be cancelled before the agent is started again.
func (d *Daemon) takeUp(key job.Key) (*tended, error) {
	if t, known := d.get(key); known {
		return t, nil // another has made it meanwhile
	}
	dir, err := jobdir.Open(filepath.Join(d.o.State.Jobs(), key.String()))
	if err != nil {
		return nil, fmt.Errorf("%w: its directory cannot be read: %w", errBadOrder, err)
	}
	if err := atomicfile.SyncDir(d.o.State.Jobs()); err != nil {
		return nil, err
	}
	d.log.Warn("a job directory that was not finished is taken up", "job", key)
	return d.add(dir), nil
}

// carryOut obeys the controller. A wish that the disk refuses is repeated here:
// the controller says it again only when it is told something.
func (d *Daemon) carryOut(t *tended, want fleetv1.Order_Desired) {
	if err := d.obey(t, want); err != nil {
		d.log.Error("the wish to cancel a job cannot be written; trying again", "job", t.dir.Key(), "err", err)
		d.insist(t)
	}
}

func (d *Daemon) obey(t *tended, want fleetv1.Order_Desired) error {
	if t.dir.Ended() {
		if !t.dir.Replicated() {
			d.sayAgain(t.dir.Key()) // who still wants something of it lacks the verdict
		}
		return nil
	}
	switch want {
	case fleetv1.Order_DESIRED_CANCEL:
		if err := t.dir.SetDesired(jobdir.Cancel); err != nil {
			return err
		}
		d.release(t) // an announced job ends through its job process, like every other
	case fleetv1.Order_DESIRED_RUN:
		d.release(t)
	}
	return nil
}

// insist writes a wish to cancel as soon as the disk takes it.
func (d *Daemon) insist(t *tended) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if t.insisting || d.ctx == nil {
		return
	}
	ctx := d.ctx
	t.insisting = true
	d.wg.Go(func() {
		for pause := d.again; d.obey(t, fleetv1.Order_DESIRED_CANCEL) != nil && ctx.Err() == nil; pause = min(2*pause, respawnAtMost) {
			wait(ctx, pause)
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		t.insisting = false
	})
}

// note is told how it went to note something of the controller's word in a job's
// directory. All of it comes again with the next Hello, so one directory that
// cannot be written, removed by a person or on a disk that is full, is no reason
// to end the connection, which serves all the others.
func (d *Daemon) note(t *tended, err error) {
	if err == nil {
		return
	}
	d.mu.Lock()
	said := t.unnoted
	t.unnoted = true
	d.mu.Unlock()
	if !said {
		d.log.Warn("what the controller says of a job cannot be noted in its directory; going on without", "job", t.dir.Key(), "err", err)
	}
}

// lacks remembers whether the controller has all of a job: the note of it in the
// directory may be one that the disk refused to take back.
func (d *Daemon) lacks(t *tended, something bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	t.lacking = something
}

func (d *Daemon) learnID(dir *jobdir.Dir, id int64) error {
	if id <= 0 {
		return nil
	}
	known, err := dir.ID()
	if err != nil || known == id {
		return err
	}
	return dir.SetID(id)
}

// Answer takes the controller's newest word on a job.
func (d *Daemon) Answer(a *fleetv1.JobAnswer) error {
	key, err := job.KeyFromBytes(a.Key)
	if err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	t, ok := d.get(key)
	if !ok {
		return nil // removed meanwhile
	}
	d.note(t, d.acknowledge(t.dir, a.Next))
	want := fleetv1.Order_DESIRED_UNSPECIFIED
	switch a.Action {
	case fleetv1.JobAnswer_ACTION_KEEP:
		// A controller that had everything may have lost it again.
		d.lacks(t, true)
		d.note(t, t.dir.UnsetReplicated())
	case fleetv1.JobAnswer_ACTION_CANCEL:
		want = fleetv1.Order_DESIRED_CANCEL
	case fleetv1.JobAnswer_ACTION_FORGET:
		d.lacks(t, false)
		d.note(t, t.dir.SetReplicated())
	}
	d.note(t, d.learnID(t.dir, a.Id))
	if want != fleetv1.Order_DESIRED_UNSPECIFIED {
		d.carryOut(t, want)
	}
	return nil
}

// Cancel asks for the end of a job that is on this host.
func (d *Daemon) Cancel(key job.Key) error {
	t, ok := d.get(key)
	if !ok {
		return errNoSuchJob
	}
	return d.obey(t, fleetv1.Order_DESIRED_CANCEL)
}
