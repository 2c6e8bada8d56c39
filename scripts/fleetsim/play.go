package main

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
)

// play is one job on a simulated host: what its directory would hold. Its host's
// lock guards it.
type play struct {
	key      job.Key
	id       int64 // 0: not told yet
	kind     job.Kind
	plan     plan
	spec     *fleetv1.JobSpec // nil once it is of no use
	path     string           // of its repository
	host     string           // its name
	by       job.TriggeredBy
	schedule int64 // that made it; 0: none

	arrived time.Time // its order, or when the host made it
	granted bool      // it may start
	startAt time.Time // then, if it is granted
	wish    time.Time // when a cancel was heard; zero: none was

	phase   fleetv1.Register_Phase
	version uint64
	started time.Time
	ticked  int               // seconds that were played
	made    uint64            // lines in the journal
	listed  []*fleetv1.Record // that a list has told; the first lines
	verdict *fleetv1.Verdict

	acked uint64 // lines that the controller says are on its disk
	whole bool   // the controller has all of it

	voice // on this connection
}

// voice is how much of a job was said on a connection.
type voice struct {
	next   uint64 // line to send next
	said   uint64 // version of the register
	wanted bool   // the controller asks what job it is
	marks  []mark // said, and not acknowledged
	repeat uint64 // line to say again from; 0: none
}

// mark is lines that were sent together.
type mark struct {
	next uint64 // what the controller expects when it has them
	at   time.Time
}

// event is what a job asks of those around its host.
type event struct {
	cut    time.Duration // the link, for so long; 0: not
	cancel bool          // a person ends the job
}

// advance plays the job up to now.
func (p *play) advance(now time.Time) (ev event) {
	if p.verdict != nil {
		return ev
	}
	if !p.wish.IsZero() {
		p.end(job.Cancelled, now)
		return ev
	}
	if p.started.IsZero() {
		if !p.granted || now.Before(p.startAt) {
			return ev
		}
		p.phase, p.started = fleetv1.Register_PHASE_STARTED, p.startAt
		p.version++
	}
	for p.ticked < p.plan.ticks && !now.Before(p.tickAt(p.ticked+1)) {
		p.ticked++
		p.version++
		p.made += uint64(p.plan.lines)
		if p.ticked == p.plan.burstAt {
			p.made += uint64(p.plan.burst)
		}
		if p.ticked == p.plan.cutAt {
			ev.cut = p.plan.cutFor
		}
		ev.cancel = ev.cancel || p.ticked == p.plan.cancelAt
		if p.plan.repeatAt > 0 && p.ticked%p.plan.repeatAt == 0 && p.acked > 1 {
			p.repeat = max(1, p.acked-min(p.acked-1, 30))
		}
	}
	if p.ticked == p.plan.ticks {
		p.end(p.plan.outcome, p.tickAt(p.ticked))
	}
	return ev
}

func (p *play) tickAt(n int) time.Time { return p.started.Add(time.Duration(n) * time.Second) }

// due is when advance has something to do; zero: nothing until somebody speaks.
func (p *play) due() time.Time {
	switch {
	case p.verdict != nil || p.started.IsZero() && !p.granted:
		return time.Time{}
	case p.started.IsZero():
		return p.startAt
	}
	return p.tickAt(p.ticked + 1)
}

// end writes the verdict.
func (p *play) end(status job.Status, at time.Time) {
	ran := !p.started.IsZero()
	if ran {
		p.made += 2 // what borg says at its end
	}
	v := &fleetv1.Verdict{
		Status: string(status), EndedAt: timestamppb.New(at), Progress: p.progress(), JournalEnd: p.made, BorgVersion: borgVersion,
	}
	if ran {
		v.StartedAt, v.HasExitCode = timestamppb.New(p.started), true
	}
	switch status {
	case job.CompletedWithWarnings:
		v.ExitCode, v.ErrorMessage = 1, "3 warnings"
	case job.Failed:
		v.ExitCode, v.ErrorCode, v.ErrorMessage = 2, "connection_closed", "the simulated repository went away"
	case job.Cancelled:
		v.ErrorCode, v.ErrorMessage, v.ProcessTerminated = job.CodeCancelled, "cancelled", ran
		if ran {
			v.ExitCode = 143
		}
	}
	if status.Good() {
		p.succeed(v)
	}
	p.verdict = v
	p.version++
}

// succeed adds what only a good end has.
func (p *play) succeed(v *fleetv1.Verdict) {
	switch p.kind {
	case job.Backup:
		v.ArchiveName, v.ArchiveId, v.Undisturbed = p.archive(), name(p.plan.seed, 1), true
	case job.Init:
		v.BorgId, v.Encryption = name(p.plan.seed, 2), "none"
	}
}

func (p *play) archive() string {
	if p.kind != job.Backup {
		return ""
	}
	return fmt.Sprintf("sim-%s", p.key.Short())
}

const borgVersion = "1.4.1"

// progress is how far borg has come: the same figures for the same second.
func (p *play) progress() *fleetv1.Progress {
	if p.kind != job.Backup || p.started.IsZero() {
		return nil
	}
	total := int64(p.plan.seed%(1<<36)) + 1<<20
	n := total / int64(max(p.plan.ticks, 1)) * int64(p.ticked)
	return &fleetv1.Progress{
		OriginalSize: n, CompressedSize: n / 2, DeduplicatedSize: n / 7, Nfiles: n >> 12,
		CurrentFile: lineText(p.plan.seed, p.made), Percent: 99 * float64(p.ticked) / float64(max(p.plan.ticks, 1)), Speed: 123.4,
		TotalExpectedSize: total, TotalExpectedSource: string(job.TotalPrevious),
	}
}

func (p *play) register() *fleetv1.Register {
	r := &fleetv1.Register{
		Incarnation: 1, Version: p.version, Phase: p.phase, Progress: p.progress(), Verdict: p.verdict,
	}
	if !p.started.IsZero() {
		r.StartedAt, r.ArchiveName, r.BorgVersion = timestamppb.New(p.started), p.archive(), borgVersion
		r.BorgRunning = p.verdict == nil
	}
	return r
}

// state is what a Hello says of it.
func (p *play) state() *fleetv1.JobState {
	return &fleetv1.JobState{Key: p.key[:], Id: p.id, Register: p.register(), Next: p.made + 1}
}

// greeted begins what is said on a new connection. What was on its way on the old
// one may have been lost.
func (p *play) greeted() { p.voice = voice{next: max(p.acked, 1), said: p.version} }

// report says what is new, up to a budget of bytes; rest: there is more.
func (p *play) report(now time.Time, budget int) (r *fleetv1.JobReport, rest bool) {
	if p.whole {
		return nil, false
	}
	r = &fleetv1.JobReport{Key: p.key[:], First: p.next}
	// That a job is accepted is no news worth a message of its own.
	if p.wanted || p.version > p.said && (p.phase != fleetv1.Register_PHASE_ACCEPTED || p.verdict != nil) {
		r.Register, p.said = p.register(), p.version
	}
	if p.wanted {
		r.Spec, p.wanted = p.spec, false
	}
	news := p.next
	if p.repeat > 0 && p.repeat < p.next {
		r.First, p.next = p.repeat, p.repeat
	}
	p.repeat = 0
	for size := 0; p.next <= p.made && size < budget; p.next++ {
		l := p.line(p.next, now)
		size += proto.Size(l) + 4
		r.Records = append(r.Records, l)
	}
	if p.next > news {
		p.marks = append(p.marks, mark{next: p.next, at: now})
	}
	if r.Register == nil && r.Spec == nil && len(r.Records) == 0 {
		return nil, false
	}
	return r, p.next <= p.made
}

// answered takes the controller's word: how long it took to acknowledge what was
// sent, and what it must never say.
func (p *play) answered(a *fleetv1.JobAnswer, now time.Time) (took []time.Duration, wrong string) {
	if a.Id != 0 && p.id != 0 && a.Id != p.id {
		return nil, fmt.Sprintf("has the id %d, and is called %d", p.id, a.Id)
	}
	if a.Id != 0 {
		p.id = a.Id
	}
	if a.SpecWanted {
		if p.acked > 0 {
			wrong = "was acknowledged, and the controller asks what job it is"
		}
		p.wanted, p.next = true, 1
		return nil, wrong
	}
	switch {
	case a.Next < p.acked:
		return nil, fmt.Sprintf("was acknowledged up to line %d, and then up to %d", p.acked-1, int64(a.Next)-1)
	case a.Next > p.made+1:
		return nil, fmt.Sprintf("has %d lines, and is acknowledged up to %d", p.made, a.Next-1)
	}
	p.acked = a.Next
	for len(p.marks) > 0 && p.marks[0].next <= a.Next {
		took = append(took, now.Sub(p.marks[0].at))
		p.marks = p.marks[1:]
	}
	switch a.Action {
	case fleetv1.JobAnswer_ACTION_CANCEL:
		p.cancel(now)
	case fleetv1.JobAnswer_ACTION_FORGET:
		if p.verdict == nil || a.Next != p.made+1 {
			return took, "has not all arrived, and was to be forgotten"
		}
		p.whole, p.spec, p.marks = true, nil, nil
	}
	return took, ""
}

// cancel takes a wish.
func (p *play) cancel(now time.Time) {
	if p.wish.IsZero() && p.verdict == nil {
		p.wish = now
	}
}

// grant lets it start.
func (p *play) grant(now time.Time) {
	if !p.granted {
		p.granted, p.startAt = true, now.Add(p.plan.delay)
	}
}

// line is line n of the journal.
func (p *play) line(n uint64, now time.Time) *fleetv1.Record {
	if n <= uint64(len(p.listed)) {
		return p.listed[n-1]
	}
	return record(p.plan.seed, n, now)
}

// text is the line as REST shows it.
func (p *play) text(n uint64) string {
	if n <= uint64(len(p.listed)) {
		return p.listed[n-1].Text
	}
	return lineText(p.plan.seed, n)
}
