package fleet

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"borgfleet/certs"
	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/version"
	"borgfleet/shared/wire"
)

// awayForLong is an absence in which a host may have made backups by itself.
const awayForLong = time.Hour

// clockSkew is how far an agent's clock may be off before somebody is told.
const clockSkew = time.Minute

// hello opens an epoch. The agent tells every job directory it holds; what it
// tells is applied like any report, what it does not tell is gone.
func (s *Service) hello(ctx context.Context, req *fleetv1.HelloRequest) (*fleetv1.HelloResponse, error) {
	id, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	s.measures.longHello(id.AgentID, req, s.now())
	if req.Protocol != version.Protocol {
		return nil, fault.New(fault.Conflict, "protocol_mismatch",
			"the agent speaks protocol %d, this controller (version %s) speaks %d: upgrade the older of the two", req.Protocol, version.String(), version.Protocol)
	}
	if req.StateId == "" || len(req.StateId) > mostName || len(req.BootId) > mostName || len(req.DaemonId) > mostName {
		return nil, fault.New(fault.Malformed, "state_id_missing", "the Hello names no state, or what it names is too long")
	}
	if len(req.Jobs) > mostHeldJobs {
		return nil, fault.New(fault.Malformed, "too_many_jobs", "the Hello lists %d jobs, and %d are the most", len(req.Jobs), mostHeldJobs)
	}
	old := s.session(id.AgentID)
	if err := s.refuseSecond(ctx, old, req); err != nil {
		return nil, err
	}

	se := newSession(id, req, s.now())
	g := &greeting{s: s, id: id, se: se, req: req, rest: req.Jobs, held: map[job.Key]bool{}, out: &fleetv1.HelloResponse{Epoch: se.epoch}}
	defer func() { g.refused.tell(s.log, id.AgentID) }()
	for !g.over {
		if err := s.store.Update(ctx, g.step); err != nil {
			return nil, err
		}
	}
	if err := s.begin(se, old); err != nil {
		return nil, err
	}
	if skew := s.now().Sub(req.Now.AsTime()).Abs(); req.Now.IsValid() && skew > clockSkew {
		// Times in its jobs and the dates of certificates will be off.
		s.log.Warn("the agent's clock is wrong, or this one's", "agent", id.AgentID, "by", skew.Round(time.Second))
	}
	s.log.Info("agent connected", "agent", id.AgentID, "version", clip(req.Version), "host", clip(req.Hostname), "jobs", len(req.Jobs))
	return g.out, nil
}

// greeting is a Hello on its way in. A long one goes in steps: nobody else should
// wait for it. A step that is not committed ends the Hello.
type greeting struct {
	s       *Service
	id      certs.Identity
	se      *session
	req     *fleetv1.HelloRequest
	before  store.Agent         // what was known until this Hello
	met     bool                // before is set
	rest    []*fleetv1.JobState // not taken in yet
	held    map[job.Key]bool
	out     *fleetv1.HelloResponse
	over    bool
	refused refusals
}

// step does as much as should be done in one update. Which state it was that
// came is written down last: until then, what it lacks is not given up.
func (g *greeting) step(tx *store.Tx) error {
	before, err := g.s.meet(tx, g.id, g.req)
	if err != nil {
		return err
	}
	if !g.met {
		g.before, g.met = before, true
	}
	for n := 0; len(g.rest) > 0; n++ {
		if n == stepJobs || tx.Full() {
			return nil
		}
		if err := g.takeState(tx, g.rest[0]); err != nil {
			return err
		}
		g.rest = g.rest[1:]
	}
	more, err := g.s.giveUpMissing(tx, g.before, g.req.StateId, g.held)
	if err != nil || more || tx.Full() {
		return err
	}
	a, _ := tx.Agent(g.id.AgentID)
	a.StateID, a.MetStore = g.req.StateId, g.s.store.ID()
	g.over = true
	return tx.PutAgent(a)
}

func (g *greeting) takeState(tx *store.Tx, js *fleetv1.JobState) error {
	a, err := g.s.takeState(tx, g.se, js)
	if g.refused.has(err) {
		return nil
	}
	if err != nil {
		return err
	}
	g.held[job.Key(js.Key)] = true
	g.out.Jobs = append(g.out.Jobs, a)
	return nil
}

// meet writes down who is there, and gives what was known before. A certificate
// that is newer than any before shuts the older ones out: the agent has it safe,
// and whoever else held an old one holds nothing.
func (s *Service) meet(tx *store.Tx, id certs.Identity, req *fleetv1.HelloRequest) (store.Agent, error) {
	a, ok := tx.Agent(id.AgentID)
	// Once more: it may have been revoked, or have come anew, since the call began.
	if err := s.admitAgent(a, ok, id); err != nil {
		return a, err
	}
	if !ok {
		a = returning(id)
		s.log.Info("an agent that enrolled after the backup is taken in again", "agent", id.AgentID, "host", clip(req.Hostname))
	}
	before := a
	if a.AgeRecipient == "" {
		takeOver(tx, &a, req)
	}
	if id.IssuedAt().After(a.ValidFrom) {
		a.ValidFrom, a.CertificateExpiresAt = id.IssuedAt().UTC(), id.NotAfter.UTC()
	}
	if !a.LastContactAt.IsZero() && s.now().Sub(a.LastContactAt) > awayForLong && a.LastContactAt != a.AwaySince {
		a.AwaySince = a.LastContactAt
	}
	a.Version, a.Hostname, a.LastContactAt = cutTo(req.Version, mostName), cutTo(req.Hostname, mostName), s.now().UTC()
	a.RecoveryRecipient = recoveryAccepted(req.RecoveryRecipient)
	if req.Now.IsValid() {
		a.ClockSkew = req.Now.AsTime().Sub(s.now())
	}
	a.Borg = a.Borg[:0:0]
	for _, b := range req.Borg[:min(len(req.Borg), mostBorgs)] {
		a.Borg = append(a.Borg, store.BorgBinary{Path: cutTo(b.Path, job.MaxValue), Version: cutTo(b.Version, mostName), Problem: cutTo(b.Problem, job.MaxValue)})
	}
	return before, tx.PutAgent(a)
}

func (s *Service) takeState(tx *store.Tx, se *session, js *fleetv1.JobState) (*fleetv1.JobAnswer, error) {
	key, err := job.KeyFromBytes(js.Key)
	if err != nil {
		return nil, fault.New(fault.Malformed, "job_key_malformed", "%s", err)
	}
	reg, err := wire.ToRegister(js.Register)
	if err != nil {
		return nil, fault.New(fault.Malformed, "register_malformed", "job %s: %s", key, err)
	}
	j, known, err := s.ownJob(tx, se.agent, key)
	if err != nil {
		return nil, err
	}
	if !known && reg.Verdict != nil {
		// It was known once, and has been removed since: it must not come back as
		// another job.
		gone, err := tx.JobExpired(js.Id, reg.Verdict.EndedAt)
		if err != nil {
			return nil, err
		}
		if gone {
			return &fleetv1.JobAnswer{Key: key[:], Id: js.Id, Next: js.Next, Action: fleetv1.JobAnswer_ACTION_FORGET}, nil
		}
	}
	if !known {
		se.claim(key, js.Id)
		return &fleetv1.JobAnswer{Key: key[:], Action: fleetv1.JobAnswer_ACTION_KEEP, Next: 1, SpecWanted: true}, nil
	}
	if reg.Phase == job.PhaseNone && reg.Verdict == nil {
		reg = job.Register{Phase: job.PhaseVerifying, Reason: unreadable}
	}
	if j, err = s.takeRegister(tx, se, j, reg); err != nil {
		return nil, err
	}
	return s.answerFor(j), nil
}

// unreadable is what people read of a job that its host names and tells nothing
// of: its directory there is damaged.
const unreadable = "its host has this job and cannot read what became of it; look at the agent's log there, or cancel the job to end the wait"

// refusals are jobs that an agent told wrongly, or that are not its own. They are
// left out; the agent's others are not their hostages.
type refusals struct {
	count int
	first error
}

// has says whether err is one, and counts it.
func (r *refusals) has(err error) bool {
	if err == nil {
		return false
	}
	kind := fault.Of(err).Kind
	if kind != fault.Malformed && kind != fault.Forbidden && kind != fault.TooMany {
		return false
	}
	r.count++
	if r.first == nil {
		r.first = err
	}
	return true
}

// tell logs all of a message in one line: who sends them must not fill the log.
func (r *refusals) tell(log *slog.Logger, agent string) {
	if r.count > 0 {
		log.Warn("jobs refused from agent", "agent", agent, "jobs", r.count, "err", clip(r.first.Error()))
	}
}

// ownJob finds a job by its key and refuses it to every agent but its own.
func (s *Service) ownJob(tx *store.Tx, agent string, key job.Key) (job.Job, bool, error) {
	id, ok, err := tx.JobByKey(key)
	if err != nil || !ok {
		return job.Job{}, false, err
	}
	j, ok, err := tx.Job(id)
	if err != nil || !ok {
		return job.Job{}, false, err
	}
	if j.Agent != agent {
		return job.Job{}, false, fault.New(fault.Forbidden, "not_your_job", "job %d (%s) belongs to another agent", id, key)
	}
	return j, true, nil
}

func (s *Service) takeRegister(tx *store.Tx, se *session, j job.Job, reg job.Register) (job.Job, error) {
	if v := reg.Verdict; v != nil && v.EndedAt.IsZero() {
		v.EndedAt = s.now().UTC() // a job that has ended has a time for that
	}
	reg, sealed := withoutCopy(reg)
	var ev job.Event = job.Reported{Register: reg, At: s.now().UTC()}
	if tellsNothing(j, reg) {
		ev = job.Unreadable{At: s.now().UTC(), Reason: reg.Reason}
	}
	next, fx, err := s.change(tx, j, ev)
	if fx.Contradicted {
		return j, s.refuseRewrite(tx, se, j, fmt.Sprintf("that it ended as %s", reg.Verdict.Status))
	}
	if err != nil || !fx.Changed {
		return j, err
	}
	if fx.Ended && sealed != nil {
		if err := s.keepCopy(tx, next, *sealed); err != nil {
			return j, err
		}
	}
	// A job that ended, or that gave its host slot back, may let others start.
	if fx.Ended || next.Register.Phase != j.Register.Phase {
		return next, s.dispatchAfter(tx, next)
	}
	return next, nil
}

// tellsNothing: a register that its agent did not write as the job went on, but
// made up to say why it has no better one. Such a one is not numbered, or has
// fallen behind what was known. A look-up that goes on gives no reason of its own.
func tellsNothing(j job.Job, reg job.Register) bool {
	if reg.Verdict != nil || reg.Phase != job.PhaseVerifying {
		return false
	}
	return reg.Incarnation == 0 || reg.Reason != sayVerifying && (j.Unreadable() || j.Register.Newer(reg))
}

// giveUpMissing fails the jobs that the agent once had and has no more. before
// is what was known of the agent until this Hello. It gives up some at a time;
// more says that there are others.
func (s *Service) giveUpMissing(tx *store.Tx, before store.Agent, stateID string, held map[job.Key]bool) (more bool, err error) {
	free := map[string]bool{}
	n := 0
	sameState := before.StateID == "" || before.StateID == stateID
	for _, j := range tx.Active(before.ID) {
		if held[j.Key] {
			continue
		}
		reason := s.whyMissing(j, before, sameState)
		if reason == "" {
			continue
		}
		if n++; n > stepJobs || tx.Full() {
			more = true
			break
		}
		for _, other := range affected(tx, j) {
			free[other] = true
		}
		if _, _, err := s.change(tx, j, job.GivenUp{At: s.now().UTC(), Reason: reason}); err != nil {
			return false, err
		}
	}
	for other := range free {
		if err := s.dispatch(tx, other); err != nil {
			return false, err
		}
	}
	if more {
		return true, nil
	}
	return false, s.listAgain(tx, before.ID, held)
}

// whyMissing says why a job that its agent has not named is given up; empty: it
// is not. An order that the same state never received is simply sent again;
// another state cannot say whether the old one had received and run it.
func (s *Service) whyMissing(j job.Job, before store.Agent, sameState bool) string {
	if reason := s.whyMissingSinceBackup(j, before, sameState); reason != "" {
		return reason
	}
	if j.OnAgent() || j.Sent && !sameState {
		return "the agent came back without it: its state directory was lost or replaced"
	}
	return ""
}

// answerFor is our newest word on a job.
func (s *Service) answerFor(j job.Job) *fleetv1.JobAnswer {
	a := &fleetv1.JobAnswer{
		Key: j.Key[:], Id: j.ID, Next: j.LogNext,
		Action: fleetv1.JobAnswer_ACTION_KEEP, Follow: s.followers.has(j.ID),
	}
	switch {
	case j.CancelRequested && (j.Verdict == nil || j.Ours && j.OnAgent()):
		a.Action = fleetv1.JobAnswer_ACTION_CANCEL
	case j.LogComplete():
		a.Action = fleetv1.JobAnswer_ACTION_FORGET
	}
	return a
}
