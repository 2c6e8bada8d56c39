package job

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Errors of Next. Reports from agents never fail: they are safe to repeat.
var (
	ErrEnded      = errors.New("the job has already ended")
	ErrNotPending = errors.New("the job is not waiting to be sent")
	ErrTooEarly   = errors.New("the job's start deadline has not passed")
)

// Event is something that happened to a job.
type Event interface{ event() }

type (
	// Granted: the job may start, nothing it waits for is in the way.
	Granted struct{}

	// CancelWished: somebody wants the job ended.
	CancelWished struct {
		By string
		At time.Time
	}

	// Reported: the agent said how the job stands.
	Reported struct {
		Register Register
		At       time.Time // when it was heard
	}

	// Unreadable: the agent has the job on its disk and cannot tell how it stands.
	Unreadable struct {
		At     time.Time
		Reason string
	}

	// GivenUp: the agent came back without the job, or stayed away too long.
	GivenUp struct {
		At     time.Time
		Reason string
	}

	// Expired: the start deadline passed before the job was sent.
	Expired struct{ At time.Time }

	// StepTold: how a job stands that followed this one.
	StepTold struct{ Step Step }

	// Impossible: the controller cannot order what the job is to do.
	Impossible struct {
		At     time.Time
		Code   string
		Reason string
	}
)

func (Granted) event()      {}
func (CancelWished) event() {}
func (Reported) event()     {}
func (Unreadable) event()   {}
func (GivenUp) event()      {}
func (Expired) event()      {}
func (StepTold) event()     {}
func (Impossible) event()   {}

// Effects says what the caller owes after a change.
type Effects struct {
	Changed  bool // anything at all
	Store    bool // worth a place on disk: everything but progress
	Order    bool // the agent's desired state is another one now
	Ended    bool // the job has ended: its location and host slot are free
	Reopened bool // a job that had been given up lives

	// Contradicted: the agent has told another outcome before, and that one stays.
	Contradicted bool
}

// Next is the one place where a job's status changes. It is pure: the same job
// and event always give the same answer.
func Next(j Job, ev Event) (Job, Effects, error) {
	switch e := ev.(type) {
	case Granted:
		return grant(j)
	case CancelWished:
		return cancel(j, e)
	case Reported:
		j, fx := report(j, e)
		return j, fx, nil
	case Unreadable:
		return unreadable(j, e)
	case GivenUp:
		return giveUp(j, e)
	case Expired:
		return expire(j, e)
	case StepTold:
		j, fx := stepTold(j, e.Step)
		return j, fx, nil
	case Impossible:
		return impossible(j, e)
	default:
		return j, Effects{}, fmt.Errorf("unknown job event %T", ev)
	}
}

func grant(j Job) (Job, Effects, error) {
	if j.Verdict != nil {
		return j, Effects{}, ErrEnded
	}
	if j.Sent {
		return j, Effects{}, nil
	}
	if j.Status != Pending {
		return j, Effects{}, ErrNotPending
	}
	j.Sent = true
	return j, Effects{Changed: true, Store: true, Order: true}, nil
}

func cancel(j Job, e CancelWished) (Job, Effects, error) {
	if j.Verdict != nil {
		return j, Effects{}, ErrEnded
	}
	if j.CancelRequested {
		return j, Effects{}, nil
	}
	j.CancelRequested, j.CancelledBy = true, e.By
	if j.Unreadable() {
		return endUnread(j, e.At)
	}
	if j.Sent || j.OnAgent() {
		// Only the agent knows whether borg has run: its verdict will say.
		return j, Effects{Changed: true, Store: true, Order: true}, nil
	}
	return end(j, Verdict{
		Status: Cancelled, EndedAt: e.At, ErrorCode: CodeCancelled,
		ErrorMessage: "cancelled by " + orSomebody(e.By) + " before it started",
	})
}

func report(j Job, e Reported) (Job, Effects) {
	r := e.Register
	if j.Verdict != nil && !j.Ours {
		// Final: an agent that was stolen, or put back to an older state, must
		// not write history anew.
		return j, Effects{Contradicted: r.Verdict != nil && !r.Verdict.Agrees(*j.Verdict)}
	}
	if r.Phase == PhaseNone || stale(j, r) {
		return j, Effects{}
	}
	fx := Effects{Changed: true, Store: worthStoring(j.Register, r)}
	j.Register = r
	if r.Verdict != nil {
		j.Verdict, j.Ours, j.Status, j.RecordedAt = r.Verdict, false, r.Verdict.Status, e.At
		fx.Ended, fx.Order = true, true
		return j, fx
	}
	if j.Verdict != nil {
		// We had given it up, but it lives: the agent's word is the truth. A
		// job that we cancelled stays cancelled in our wish, which the agent
		// hears now.
		j.Verdict, j.Ours, j.RecordedAt = nil, false, time.Time{}
		fx.Reopened, fx.Order, fx.Store = true, true, true
	}
	if s := statusIn(r.Phase); s != j.Status {
		j.Status = s
		fx.Store = true
	}
	return j, fx
}

// stale says whether r tells nothing new. To a job that was given up, the very
// register that was known before is news: it lives.
func stale(j Job, r Register) bool {
	if j.Ours {
		return j.Register.Newer(r)
	}
	return j.OnAgent() && !r.Newer(j.Register)
}

// unreadable: whether borg has run, or still runs, is not known. The register
// keeps what was known and counts as older than any that the agent ever wrote,
// so that whatever can be read again one day is believed.
func unreadable(j Job, e Unreadable) (Job, Effects, error) {
	if j.Verdict != nil || j.Unreadable() && j.Register.Reason == e.Reason {
		return j, Effects{}, nil
	}
	r := &j.Register
	r.Incarnation, r.Version, r.Phase, r.Reason = 0, 0, PhaseVerifying, e.Reason
	r.BorgRunning, r.BorgPhase, r.BorgPhasePercent = false, "", 0
	j.Status = statusIn(r.Phase)
	if j.CancelRequested {
		return endUnread(j, e.At)
	}
	return j, Effects{Changed: true, Store: true}, nil
}

// endUnread ends the wait for a host that cannot tell, as a person wishes. The
// word cancelled would say that there is no archive.
func endUnread(j Job, at time.Time) (Job, Effects, error) {
	message := "its host cannot read what it knows of this job, and " + orSomebody(j.CancelledBy) + " has ended the wait: whether it did its work is not known"
	if j.Register.ArchiveName != "" {
		message += "; look for the archive " + j.Register.ArchiveName
	}
	return end(j, Verdict{
		Status: Failed, EndedAt: at, StartedAt: j.StartedAt(), ArchiveName: j.Register.ArchiveName,
		ErrorCode: CodeUnverified, ErrorMessage: message,
	})
}

func giveUp(j Job, e GivenUp) (Job, Effects, error) {
	if j.Verdict != nil {
		return j, Effects{}, ErrEnded
	}
	return end(j, Verdict{
		Status: Failed, EndedAt: e.At, StartedAt: j.StartedAt(),
		ErrorCode: CodeLost, ErrorMessage: e.Reason,
	})
}

func expire(j Job, e Expired) (Job, Effects, error) {
	switch {
	case j.Verdict != nil:
		return j, Effects{}, ErrEnded
	case j.Sent || j.OnAgent() || j.Status != Pending:
		// The agent enforces the deadline of what it may hold.
		return j, Effects{}, ErrNotPending
	case e.At.Before(j.Spec.StartDeadline):
		return j, Effects{}, ErrTooEarly
	}
	return end(j, Verdict{
		Status: Failed, EndedAt: e.At, ErrorCode: CodeDeadline,
		ErrorMessage: "could not start before its deadline " + j.Spec.StartDeadline.UTC().Format(time.RFC3339),
	})
}

// stepTold changes nothing of the job itself: a backup stays what it is, whatever
// became of what followed.
func stepTold(j Job, s Step) (Job, Effects) {
	i := slices.IndexFunc(j.Steps, func(known Step) bool { return known.Kind == s.Kind })
	if i >= 0 && j.Steps[i] == s {
		return j, Effects{}
	}
	j.Steps = slices.Clone(j.Steps)
	if i >= 0 {
		j.Steps[i] = s
	} else {
		j.Steps = append(j.Steps, s)
	}
	// They may be told in another order than they were made in.
	slices.SortStableFunc(j.Steps, func(a, b Step) int { return cmp.Compare(stepPlace(a.Kind), stepPlace(b.Kind)) })
	return j, Effects{Changed: true, Store: true}
}

// stepPlace is where a step stands among those that follow a backup.
func stepPlace(kind Kind) int { return slices.Index([]Kind{Prune, Compact, Check}, kind) }

func impossible(j Job, e Impossible) (Job, Effects, error) {
	switch {
	case j.Verdict != nil:
		return j, Effects{}, ErrEnded
	case j.Sent || j.OnAgent():
		return j, Effects{}, ErrNotPending
	}
	return end(j, Verdict{Status: Failed, EndedAt: e.At, ErrorCode: e.Code, ErrorMessage: e.Reason})
}

// end gives the job a verdict of the controller's own, which is recorded as it is made.
func end(j Job, v Verdict) (Job, Effects, error) {
	v.Progress = j.Register.Progress
	j.Verdict, j.Ours, j.Status, j.RecordedAt = &v, true, v.Status, v.EndedAt
	return j, Effects{Changed: true, Store: true, Order: true, Ended: true}, nil
}

func statusIn(p Phase) Status {
	if p == PhaseStarted || p == PhaseVerifying {
		return Running
	}
	return Pending
}

// worthStoring leaves out what a restart may forget: the agent sends its
// register again with the next Hello.
func worthStoring(old, r Register) bool {
	return r.Verdict != nil || r.Phase != old.Phase || r.Reason != old.Reason ||
		r.Incarnation != old.Incarnation || !r.StartedAt.Equal(old.StartedAt) ||
		r.ArchiveName != old.ArchiveName
}

func orSomebody(who string) string {
	if who == "" {
		return "somebody"
	}
	return who
}
