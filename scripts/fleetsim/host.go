package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"borgfleet/certs"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/wire"
)

// keeps is how many jobs that have ended a host still has on its disk, and names in
// its Hello. A real one keeps job.AgentKeepsJobs, or those of a week.
const keeps = 7

// host is one simulated host with its agent. What it has in memory stands for its
// disk: it outlives connections.
type host struct {
	f       *fleet
	n       int
	name    string
	cred    *certs.Credential
	stateID string
	wake    chan struct{} // there may be something to say
	link    link

	mu        sync.Mutex
	plays     map[job.Key]*play             // every one there ever was: a key is used up for good; guarded by mu
	active    []*play                       // that the controller has not all of; guarded by mu
	kept      []*play                       // of the others, those still on the disk; guarded by mu
	nth       uint64                        // jobs up to now; guarded by mu
	defined   map[int64]*fleetv1.Repository // guarded by mu
	archives  []*fleetv1.Record             // of its repository, as a list tells them; guarded by mu
	timetable *timetable                    // guarded by mu
	revision  uint64                        // of the desired state that is applied; guarded by mu
	confirmed uint64                        // that was said; guarded by mu
	owed      map[job.Key]debt              // what was there at the last Hello, and is not acknowledged; guarded by mu
	paid      time.Time                     // when that was last nothing; guarded by mu

	online atomic.Bool  // both halves of its connection work
	came   atomic.Int64 // when they last began to, in Unix nanoseconds
}

// debt is how far a job must be acknowledged.
type debt struct {
	next  uint64
	whole bool
}

func (d debt) paid(p *play) bool { return p.acked >= d.next && (p.whole || !d.whole) }

// back says whether the host was connected at some time since t. It may have been
// cut again.
func (h *host) back(t time.Time) bool { return h.came.Load() >= t.UnixNano() }

// settled says the same, and that all that it had to say was acknowledged then.
func (h *host) settled(t time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.back(t) && !h.paid.Before(t)
}

// pay notes that nothing is owed, as the controller has just said. When the host
// said its Hello does not count: where ten thousand come at once that was before the
// controller could hear it, and who has no job says nothing more. The caller holds mu.
func (h *host) pay(now time.Time) {
	if len(h.owed) == 0 {
		h.paid = now
	}
}

func newHost(f *fleet, n int) *host {
	return &host{
		f: f, n: n, name: fmt.Sprintf("%s-%05d", f.o.prefix, n), wake: make(chan struct{}, 1),
		plays: map[job.Key]*play{}, defined: map[int64]*fleetv1.Repository{},
	}
}

func (h *host) signal() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// add puts a job on the disk. The caller holds mu.
func (h *host) add(key job.Key, spec *fleetv1.JobSpec, now time.Time) *play {
	p := &play{
		key: key, kind: job.Kind(spec.Kind), spec: spec, path: spec.Repository.GetPath(), host: h.name, by: job.TriggeredBy(spec.TriggeredBy), schedule: spec.ScheduleId,
		arrived: now, plan: draw(h.f.o.seed, uint64(h.n), h.nth, h.f.o.rates), version: 1, phase: fleetv1.Register_PHASE_ACCEPTED,
	}
	h.nth++
	switch p.kind {
	case job.Backup:
	case job.List:
		p.plan = p.plan.atOnce()
		p.listed = slices.Clone(h.archives)
		p.made = uint64(len(p.listed))
	case job.Init:
		p.plan = p.plan.atOnce()
	default:
		p.plan = p.plan.atOnce()
		p.plan.outcome = job.Failed // no script asks for it
	}
	p.voice.next = 1
	h.plays[key] = p
	h.active = append(h.active, p)
	h.f.books.add(p)
	return p
}

// apply takes the desired state in.
func (h *host) apply(m *fleetv1.WatchResponse, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, o := range m.Orders {
		h.order(o, now)
	}
	if m.Snapshot {
		clear(h.defined)
	}
	for _, r := range m.Repositories {
		h.defined[r.Id] = r
	}
	for _, id := range m.RemovedRepositories {
		delete(h.defined, id)
	}
	if m.Snapshot || len(m.Repositories) > 0 {
		h.timetable = newTimetable(h.timetable, h.defined, now)
	}
	h.revision = m.Revision
	h.signal()
}

func (h *host) order(o *fleetv1.Order, now time.Time) {
	key, err := job.KeyFromBytes(o.Key)
	if err != nil || o.Spec == nil {
		h.f.wrong("%s was sent an order that is none: %v", h.name, o)
		return
	}
	p := h.plays[key]
	if p == nil {
		p = h.add(key, o.Spec, now)
		h.f.books.ordered(o.Id, now)
	}
	if p.id != 0 && p.id != o.Id {
		h.f.wrong("job %d of %s was sent as %d", p.id, h.name, o.Id)
	}
	p.id = o.Id
	switch o.Desired {
	case fleetv1.Order_DESIRED_RUN:
		p.grant(now)
	case fleetv1.Order_DESIRED_CANCEL:
		p.cancel(now)
	}
}

// announce makes a backup as a person on the host does, or a schedule.
func (h *host) announce(key job.Key, spec *fleetv1.JobSpec, now time.Time) {
	if h.plays[key] != nil {
		return
	}
	p := h.add(key, spec, now)
	p.phase, p.wanted = fleetv1.Register_PHASE_ANNOUNCED, true
	h.signal()
}

// backUp makes a backup of the host's own; false: it has no repository yet.
func (h *host) backUp(now time.Time) (bool, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, r := range h.defined {
		key, err := job.NewKey()
		if err != nil {
			return false, err
		}
		h.announce(key, backupSpec(r, job.ByAgent, now), now)
		return true, nil
	}
	return false, nil
}

func backupSpec(r *fleetv1.Repository, by job.TriggeredBy, now time.Time) *fleetv1.JobSpec {
	of := wire.FromRepository(wire.ToRepository(r)) // without its schedules: they are no part of a job
	return &fleetv1.JobSpec{
		Kind: string(job.Backup), Repository: of, TriggeredBy: string(by), RequestedBy: "fleetsim",
		CreatedAt: timestamppb.New(now), StartDeadline: timestamppb.New(now.Add(job.DefaultStartDeadline)),
	}
}

// states is what a Hello says: everything that is on the disk.
func (h *host) states(now time.Time) []*fleetv1.JobState {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.owed, h.confirmed = map[job.Key]debt{}, 0
	out := make([]*fleetv1.JobState, 0, len(h.active)+len(h.kept))
	for _, p := range h.active {
		h.advance(p, now, false)
		p.greeted()
		out = append(out, p.state())
		if d := (debt{p.made + 1, p.verdict != nil}); !d.paid(p) {
			h.owed[p.key] = d
		}
	}
	for _, p := range h.kept {
		out = append(out, p.state())
	}
	return out
}

// advance plays a job up to now, and does what it asks for.
func (h *host) advance(p *play, now time.Time, linked bool) {
	ended := p.verdict != nil
	h.note(p.advance(now), p, linked)
	if !ended && p.verdict != nil {
		h.archived(p)
	}
}

// answer takes the controller's word on a job.
func (h *host) answer(a *fleetv1.JobAnswer, now time.Time) {
	key, err := job.KeyFromBytes(a.Key)
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.plays[key]
	if err != nil || p == nil {
		h.f.wrong("%s was answered for a job that it does not have: %v", h.name, a)
		return
	}
	before := p.whole
	took, wrong := p.answered(a, now)
	if wrong != "" {
		h.f.wrong("job %d of %s %s", p.id, h.name, wrong)
	}
	h.f.figures.acknowledged(took)
	if d, ok := h.owed[key]; ok && d.paid(p) {
		delete(h.owed, key)
		h.pay(now)
	}
	if p.whole && !before {
		h.file(p)
	}
	h.signal()
}

// file puts a job away that the controller has all of. The caller holds mu.
func (h *host) file(p *play) {
	h.active = slices.DeleteFunc(h.active, func(o *play) bool { return o == p })
	if h.kept = append(h.kept, p); len(h.kept) > keeps {
		h.kept = h.kept[1:]
	}
	if p.kind == job.Backup {
		h.f.ended(h)
	}
}

// next makes the next message; nil if there is nothing to say. until is when there
// will be something; zero: when somebody speaks.
func (h *host) next(now time.Time) (m *fleetv1.ReportRequest, more bool, until time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fire(now)
	m = &fleetv1.ReportRequest{AppliedRevision: h.revision}
	budget := batchBytes
	for _, p := range h.active {
		if budget <= 0 {
			more = true
			break
		}
		h.advance(p, now, true)
		if r, rest := p.report(now, budget); r != nil {
			m.Jobs = append(m.Jobs, r)
			for _, l := range r.Records {
				budget -= len(l.Text)
			}
			more = more || rest
			h.f.figures.said(r)
		}
		until = earlier(until, p.due())
	}
	if h.timetable != nil {
		m.Schedules = h.timetable.news()
		if !h.f.over.Load() {
			until = earlier(until, h.timetable.due)
		}
	}
	if len(m.Jobs) == 0 && m.Schedules == nil && h.revision == h.confirmed {
		return nil, false, until
	}
	h.confirmed = h.revision
	return m, more, until
}

func (h *host) fire(now time.Time) {
	if h.timetable == nil || h.f.over.Load() {
		return
	}
	for key, spec := range h.timetable.fire(now) {
		if !slices.ContainsFunc(h.active, func(p *play) bool { return p.schedule == spec.ScheduleId && p.verdict == nil }) {
			h.announce(key, spec, now)
		}
	}
}

// archived remembers what a good backup has left in the repository.
func (h *host) archived(p *play) {
	if p.verdict.ArchiveId == "" {
		return
	}
	data, err := wire.EncodeArchive(job.Archive{Name: p.archive(), ID: p.verdict.ArchiveId, Start: p.started})
	if err != nil {
		h.f.wrong("%s cannot write down an archive: %v", h.name, err)
		return
	}
	h.archives = append(h.archives, &fleetv1.Record{
		Number: uint64(len(h.archives) + 1), Time: timestamppb.New(p.started), Level: fleetv1.Record_LEVEL_INFO, Source: "agent", Text: p.archive(), Data: data,
	})
}

// note does what a job asks for. Links that are down are cut already.
func (h *host) note(ev event, p *play, linked bool) {
	if ev.cut > 0 && linked {
		h.link.cut(ev.cut)
	}
	if ev.cancel && p.id != 0 {
		h.f.wantCancelled(p.id)
	}
}

// alone starts what waits for the controller's word, when that has been away for
// too long.
func (h *host) alone(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range h.active {
		if p.phase == fleetv1.Register_PHASE_ANNOUNCED {
			p.grant(now)
		}
	}
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// jitter is between nothing and d.
func jitter(d time.Duration) time.Duration { return rand.N(max(d, 1)) }
