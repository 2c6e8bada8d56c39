package link

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"borgfleet/agent/internal/jobdir"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/wire"
)

// outbox decides what the next Report says. Its cursors are this connection's
// alone: a new one begins where the controller's Hello says it stands.
type outbox struct {
	c         *connection
	cursors   map[job.Key]*cursor
	dirty     map[job.Key]struct{} // may have something new
	again     map[job.Key]struct{} // did not arrive: to be said once more
	failed    map[job.Key]failure  // could not be read
	confirmed uint64               // revision that was last confirmed
	draining  bool                 // as it was last said
	recovery  string               // as it was last said
	heldSaid  *uint64              // which state of the held definitions was last said; nil: none
	timesSaid *uint64              // which state of the timetable was last said; nil: none
	holdUntil time.Time            // when the first of what waits is due; zero: nothing does
}

// failure is when a job that could not be read is looked at again, and why it
// could not.
type failure struct {
	due time.Time
	why string
}

// cursor is how much of one job has been said.
type cursor struct {
	dir    *jobdir.Dir
	reader *jobdir.Reader
	next   uint64       // journal number to send next
	said   job.Register // register that was sent last
	spec   bool         // the controller does not know the job: send its spec
	follow bool         // somebody reads along
	held   time.Time    // since when lines wait for company; zero: none do
	again  time.Time    // when everything was last said once more
}

func newOutbox(c *connection) *outbox {
	return &outbox{
		c: c, cursors: map[job.Key]*cursor{},
		dirty: map[job.Key]struct{}{}, again: map[job.Key]struct{}{}, failed: map[job.Key]failure{},
	}
}

func (o *outbox) close() {
	for _, cu := range o.cursors {
		cu.reader.Close()
	}
}

// begin takes over what Hello said and heard.
func (o *outbox) begin() error {
	o.recovery = o.c.hello.said.RecoveryRecipient
	for _, js := range o.c.hello.said.Jobs {
		key := job.Key(js.Key)
		dir, ok := o.c.l.o.Jobs.Dir(key)
		if !ok {
			continue
		}
		reg, err := wire.ToRegister(js.Register)
		if err != nil {
			return fmt.Errorf("job %s: %w", key, err)
		}
		o.start(dir).said = reg
	}
	for _, a := range o.c.hello.heard.Jobs {
		if err := o.c.l.o.Jobs.Answer(a); err != nil {
			return fmt.Errorf("take answer: %w", err)
		}
		key, err := job.KeyFromBytes(a.Key)
		if err != nil {
			return fmt.Errorf("answer: %w", err)
		}
		cu := o.cursors[key]
		if cu == nil {
			continue
		}
		cu.next, cu.follow = max(a.Next, 1), a.Follow
		if a.SpecWanted {
			cu.spec, cu.said = true, job.Register{}
		}
		if a.Action == fleetv1.JobAnswer_ACTION_FORGET {
			delete(o.cursors, key)
			continue
		}
		o.dirty[key] = struct{}{}
	}
	return nil
}

// first makes the message that begins a Report, also when there is nothing to
// report: it carries the epoch.
func (o *outbox) first() *fleetv1.ReportRequest {
	o.draining = o.c.l.o.Jobs.Draining()
	return &fleetv1.ReportRequest{Epoch: o.c.hello.heard.Epoch, Draining: o.draining}
}

// next makes the next message, nil if there is nothing to say. more says that
// there is something behind it already.
func (o *outbox) next() (m *fleetv1.ReportRequest, more bool, err error) {
	o.hear()
	for key, again := range o.c.l.o.Jobs.TakeChanged() {
		o.dirty[key] = struct{}{}
		if again {
			o.again[key] = struct{}{}
		}
	}
	o.c.mu.Lock()
	revision := o.c.revision
	o.c.mu.Unlock()

	m = &fleetv1.ReportRequest{AppliedRevision: revision, Draining: o.c.l.o.Jobs.Draining()}
	o.holdUntil = time.Time{}
	for key := range o.again {
		o.rewind(key)
	}
	budget := batchBytes
	for _, key := range slices.Collect(maps.Keys(o.dirty)) {
		if budget <= 0 {
			more = true
			break
		}
		report, rest := o.take(key, budget)
		if report != nil {
			m.Jobs = append(m.Jobs, report)
			budget -= proto.Size(report)
		}
		more = more || rest
	}
	m.Held = o.held(revision)
	m.Schedules = o.timetable()
	if now, _ := o.c.l.o.Jobs.RecoveryKey(); now != o.recovery {
		m.RecoveryRecipient, o.recovery = &now, now
	}
	if len(m.Jobs) == 0 && m.Held == nil && m.Schedules == nil && m.RecoveryRecipient == nil && revision == o.confirmed && m.Draining == o.draining {
		return nil, false, nil
	}
	o.confirmed, o.draining = revision, m.Draining
	return m, more, nil
}

// held says which definitions differ from the controller's: once for each
// connection, and when it changes. Before the first snapshot is applied nobody
// knows.
func (o *outbox) held(revision uint64) *fleetv1.HeldRepositories {
	if revision == 0 {
		return nil
	}
	all, state := o.c.l.o.Jobs.Held()
	if o.heldSaid != nil && *o.heldSaid == state {
		return nil
	}
	o.heldSaid = &state
	return &fleetv1.HeldRepositories{Repositories: all}
}

// timetable says how the host's schedules stand: once for each connection, and
// when it changes.
func (o *outbox) timetable() *fleetv1.ScheduleStates {
	if o.c.l.o.Timetable == nil {
		return nil
	}
	states, zone, version := o.c.l.o.Timetable()
	if o.timesSaid != nil && *o.timesSaid == version {
		return nil
	}
	o.timesSaid = &version
	return wire.FromScheduleStates(states, zone)
}

// take gives what is new of one job, and leaves it dirty while it is not all
// said. rest: there is more to be had at once.
func (o *outbox) take(key job.Key, budget int) (report *fleetv1.JobReport, rest bool) {
	if f, ok := o.failed[key]; ok && o.now().Before(f.due) {
		o.wakeAt(f.due)
		return nil, false
	}
	report, rest, err := o.report(key, budget)
	if err != nil {
		// One unreadable directory must not silence the others; it stays dirty,
		// because of a job that has ended no change will tell again.
		o.fail(key, err)
		return report, false
	}
	delete(o.failed, key)
	if cu := o.cursors[key]; cu != nil && !cu.held.IsZero() {
		o.wakeAt(cu.held.Add(holdLines))
		return report, false
	}
	if !rest {
		delete(o.dirty, key)
	}
	return report, rest
}

func (o *outbox) fail(key job.Key, err error) {
	if err.Error() != o.failed[key].why {
		o.c.l.log.Error("job cannot be reported; trying again", "job", key, "err", err)
	}
	f := failure{due: o.now().Add(retryRead), why: err.Error()}
	o.failed[key] = f
	o.wakeAt(f.due)
}

// rewind makes the next report of a job say everything that the controller has
// not acknowledged, though not more than once a second: the first repeat may
// only be on its way.
func (o *outbox) rewind(key job.Key) {
	cu := o.cursors[key]
	if cu == nil {
		delete(o.again, key) // nothing was said of it yet
		return
	}
	if due := cu.again.Add(retryRead); o.now().Before(due) {
		o.wakeAt(due)
		return
	}
	acked, _ := cu.dir.Acked() // 0 if unreadable: then more is said than is needed
	delete(o.again, key)
	cu.again, cu.said, cu.next = o.now(), job.Register{}, max(acked, 1)
	o.dirty[key] = struct{}{}
}

func (o *outbox) now() time.Time { return o.c.l.o.Now() }

// wakeAt makes sure that next is called at t, if not before.
func (o *outbox) wakeAt(t time.Time) {
	if o.holdUntil.IsZero() || t.Before(o.holdUntil) {
		o.holdUntil = t
	}
}

// hear takes over what the answers mean for what is said next.
func (o *outbox) hear() {
	o.c.mu.Lock()
	answers := o.c.answers
	o.c.answers = map[job.Key]*fleetv1.JobAnswer{}
	o.c.mu.Unlock()
	for key, a := range answers {
		cu := o.cursors[key]
		if cu == nil {
			dir, ok := o.c.l.o.Jobs.Dir(key)
			if !ok || !a.SpecWanted {
				continue
			}
			cu = o.start(dir)
		}
		if a.Action == fleetv1.JobAnswer_ACTION_FORGET && !a.SpecWanted {
			// All of it is there. Should more be wanted, another cursor begins.
			cu.reader.Close()
			delete(o.cursors, key)
			continue
		}
		cu.follow = a.Follow
		if a.SpecWanted {
			cu.spec, cu.said, cu.next = true, job.Register{}, 1
		}
		if a.SpecWanted || a.Follow {
			o.dirty[key] = struct{}{}
		}
	}
}

// report says what is new of one job; rest: there is more than fits.
func (o *outbox) report(key job.Key, budget int) (*fleetv1.JobReport, bool, error) {
	cu, err := o.cursor(key)
	if err != nil || cu == nil {
		return nil, false, err
	}
	reg, err := cu.dir.Register()
	if err != nil {
		return nil, false, err
	}
	r := &fleetv1.JobReport{Key: key[:], First: cu.next}
	if cu.spec || reg.Newer(cu.said) {
		r.Register = wire.FromRegister(reg)
	}
	if cu.spec {
		r.Spec = wire.FromSpec(cu.dir.Spec())
	}
	// A journal that cannot be read must not hold the verdict back.
	records, next, unread := cu.reader.Read(cu.next, budget)
	// That a job is accepted is no news worth a message of its own: it comes
	// just when job process and borg need the processor to start.
	dull := r.Register == nil || reg.Phase == job.PhaseAccepted && reg.Verdict == nil
	end, err := cu.dir.JournalNext()
	rest := err == nil && next < end
	// Lines that have more behind them have all the company they can get, and the
	// last ones of a job get none.
	complete := rest || reg.Verdict != nil
	if unread == nil && dull && r.Spec == nil && (len(records) > 0 || r.Register != nil) && !complete && o.hold(cu, records) {
		return nil, false, nil
	}
	cu.held = time.Time{}
	if len(records) == 0 && r.Register == nil && r.Spec == nil {
		return nil, false, unread
	}
	r.Records = records
	cu.next, cu.spec = next, false
	if r.Register != nil {
		cu.said = reg
	}
	if unread != nil {
		return r, false, unread
	}
	if reg.Verdict != nil && !rest {
		cu.reader.Close() // nothing more will come: give the descriptor back
	}
	return r, rest, err
}

// hold says whether lines should wait a moment for more: a second costs nobody
// anything but the one who reads along.
func (o *outbox) hold(cu *cursor, records []*fleetv1.Record) bool {
	if cu.follow {
		return false
	}
	now := o.now()
	if cu.held.IsZero() {
		cu.held = now
	}
	if now.Sub(cu.held) >= holdLines {
		return false
	}
	size := 0
	for _, r := range records {
		size += len(r.Text)
	}
	return size < batchBytes/2
}

// cursor finds a job's cursor, or begins one for a job that is newer than the
// Hello. Without an id the controller may not know it: then its spec goes along.
// Of one that the controller has all of, nothing is to be said, and no cursor kept.
func (o *outbox) cursor(key job.Key) (*cursor, error) {
	if cu := o.cursors[key]; cu != nil {
		return cu, nil
	}
	dir, ok := o.c.l.o.Jobs.Dir(key)
	if !ok || dir.Replicated() {
		return nil, nil
	}
	id, err := dir.ID()
	if err != nil {
		return nil, err
	}
	cu := o.start(dir)
	cu.spec = id == 0
	return cu, nil
}

func (o *outbox) start(dir *jobdir.Dir) *cursor {
	cu := &cursor{dir: dir, reader: dir.NewReader(), next: 1}
	o.cursors[dir.Key()] = cu
	return cu
}
