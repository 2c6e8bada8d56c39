package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"connectrpc.com/connect"

	"borgfleet/certs"
	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/wire"
)

type reportStream = connect.BidiStream[fleetv1.ReportRequest, fleetv1.ReportResponse]

// serveReport replicates registers and journals. Receiving and sending run
// apart: answers are a latest-value map that the sender empties.
func (s *Service) serveReport(ctx context.Context, stream *reportStream) error {
	id, err := caller(ctx)
	if err != nil {
		return err
	}
	first, err := stream.Receive()
	if err != nil {
		return ended(err)
	}
	se, err := s.current(id.AgentID, first.Epoch)
	if err != nil {
		return err
	}
	if !se.open(&se.reporting) {
		return errNewEpoch
	}
	defer s.left(se)
	se.heard(s.now())
	s.arrived(ctx, se)

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(se.ctx, func() { cancel(context.Cause(se.ctx)) })
	defer stop()
	sent := make(chan error, 1)
	go func() {
		err := s.sendAnswers(ctx, se, stream)
		cancel(err)
		sent <- err
	}()
	received := make(chan error, 1)
	go func() { received <- s.receiveReports(ctx, id, se, stream, first) }()

	// The receiver ends when the agent half-closes or the handler returns; the
	// sender ends with ctx. Waiting for the sender keeps it off a dead stream.
	select {
	case err = <-received:
		cancel(err)
		<-sent
	case err = <-sent:
	}
	if cause := context.Cause(se.ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return ended(err)
}

func (s *Service) receiveReports(ctx context.Context, id certs.Identity, se *session, stream *reportStream, first *fleetv1.ReportRequest) error {
	for m := first; ; {
		if err := s.admit(id); err != nil {
			return err
		}
		if err := s.measures.pace(ctx, id.AgentID, m); err != nil {
			return err
		}
		begun := time.Now()
		if err := s.takeReport(ctx, se, m); err != nil {
			return err
		}
		if len(m.Jobs) > 0 {
			s.meter.Reported(time.Since(begun))
		}
		next, err := stream.Receive()
		if err != nil {
			return err
		}
		se.heard(s.now())
		m = next
	}
}

func (s *Service) sendAnswers(ctx context.Context, se *session, stream *reportStream) error {
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-se.answerWake:
		}
		if answers := se.takeAnswers(); len(answers) > 0 {
			if err := stream.Send(&fleetv1.ReportResponse{Jobs: answers}); err != nil {
				return err
			}
		}
	}
}

// arrived: the agent is online from here on, so its waiting jobs may start.
func (s *Service) arrived(ctx context.Context, se *session) {
	err := s.store.Update(ctx, func(tx *store.Tx) error { return s.dispatch(tx, se.agent) })
	if err != nil && ctx.Err() == nil {
		s.log.Error("dispatch to arrived agent", "agent", se.agent, "err", err) // the sweep tries again
	}
	s.noticeAgent(se.agent)
}

// left: the agent is offline; when it last spoke goes to disk, so that a
// restarted controller still shows it.
func (s *Service) left(se *session) {
	s.finish(se, errNewEpoch)
	s.noticeAgent(se.agent)
	at := se.lastHeard().UTC()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err := s.store.Update(ctx, func(tx *store.Tx) error {
		a, ok := tx.Agent(se.agent)
		if !ok || !at.After(a.LastContactAt) {
			return nil
		}
		a.LastContactAt = at
		return tx.PutAgent(a)
	})
	if err != nil {
		s.log.Debug("note last contact", "agent", se.agent, "err", err) // the store closes before the last agent has left
	}
	s.log.Info("agent disconnected", "agent", se.agent)
}

// takeDraining: with a host that drains, its jobs wait for something else; with
// one that has drained, they may start.
func (s *Service) takeDraining(ctx context.Context, se *session, draining bool) error {
	if !se.drains(draining) {
		return nil
	}
	s.log.Info("agent drains", "agent", se.agent, "draining", draining)
	s.noticeAgent(se.agent)
	if draining {
		return nil
	}
	return s.store.Update(ctx, func(tx *store.Tx) error { return s.dispatch(tx, se.agent) })
}

// takeReport commits one message, then answers for each of its jobs.
func (s *Service) takeReport(ctx context.Context, se *session, m *fleetv1.ReportRequest) error {
	if se.unread() {
		return fault.New(fault.TooMany, "answers_unread", "the agent asks and does not read the answers")
	}
	se.confirm(m.AppliedRevision, s.now())
	if err := s.takeDraining(ctx, se, m.Draining); err != nil {
		return err
	}
	if err := s.takeHeld(ctx, se, m.Held); err != nil {
		return err
	}
	if err := s.takeRecovery(ctx, se, m.RecoveryRecipient); err != nil {
		return err
	}
	if err := s.takeTimetable(ctx, se, m.Schedules); err != nil {
		return err
	}
	var refused refusals
	defer func() { refused.tell(s.log, se.agent) }()
	for rest := m.Jobs; len(rest) > 0; {
		err := s.store.Update(ctx, func(tx *store.Tx) error {
			if se.ctx.Err() != nil {
				return errNewEpoch // a newer Hello has spoken meanwhile
			}
			for n := 0; len(rest) > 0 && n < stepJobs && !tx.Full(); n++ {
				if err := s.takeJobReport(tx, se, rest[0]); err != nil && !refused.has(err) {
					return err
				}
				rest = rest[1:]
			}
			return nil
		})
		if errors.Is(err, store.ErrTooBig) {
			return fault.New(fault.TooLarge, "report_too_long", "more is said of one job at once than is taken")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// takeJobReport takes what is said of one job. All of it is checked before any
// of it is written: a refusal must leave nothing behind.
func (s *Service) takeJobReport(tx *store.Tx, se *session, r *fleetv1.JobReport) error {
	key, err := job.KeyFromBytes(r.Key)
	if err != nil {
		return fault.New(fault.Malformed, "job_key_malformed", "%s", err)
	}
	reg, err := wire.ToRegister(r.Register)
	if err != nil {
		return fault.New(fault.Malformed, "register_malformed", "job %s: %s", key, err)
	}
	if err := inOrder(r); err != nil {
		return err
	}
	j, known, err := s.ownJob(tx, se.agent, key)
	if err != nil {
		return err
	}
	if !known {
		if r.Spec == nil {
			ask := &fleetv1.JobAnswer{Key: key[:], Action: fleetv1.JobAnswer_ACTION_KEEP, Next: 1, SpecWanted: true}
			tx.OnCommit(func() { se.answer(ask) })
			return nil
		}
		if j, err = s.adopt(tx, se, key, r.Spec, reg.Verdict != nil); err != nil {
			return err
		}
	}
	if j, err = s.takeRecords(tx, se, j, reg, r); err != nil {
		return err
	}
	if j, err = s.takeRegister(tx, se, j, reg); err != nil {
		return err
	}
	if !known {
		if err := s.dispatch(tx, se.agent); err != nil {
			return err
		}
		if j, _, err = tx.Job(j.ID); err != nil {
			return err
		}
	}
	answer := s.answerFor(j)
	tx.OnCommit(func() {
		se.answer(answer)
		if r.Register != nil {
			s.meter.Register()
		}
	})
	return nil
}

// inOrder checks that the records are numbered one after the other.
func inOrder(r *fleetv1.JobReport) error {
	for i, p := range r.Records {
		if want := r.First + uint64(i); p.Number != want {
			return fault.New(fault.Malformed, "journal_disorder", "job %x: record %d has number %d", r.Key, want, p.Number)
		}
	}
	return nil
}

// adopt takes in a job that its agent made: on the host's command line, or
// before this store was restored from a backup.
func (s *Service) adopt(tx *store.Tx, se *session, key job.Key, p *fleetv1.JobSpec, ended bool) (job.Job, error) {
	agent := se.agent
	spec, err := wire.ToSpec(p)
	if err != nil {
		return job.Job{}, fault.New(fault.Malformed, "spec_malformed", "job %s: %s", key, err)
	}
	if err := s.mayAdopt(tx, agent, spec, p, ended); err != nil {
		return job.Job{}, err
	}
	// Which place a job is at is ours to say, not the agent's.
	repo, _ := tx.Repository(spec.Repository.ID)
	spec.Repository.BorgID = repo.BorgID
	if repo.Agent == agent {
		spec.Repository.Maintainer = repo.Maintainer // and so is who maintains it
	}
	if !tx.ScheduleIDGiven(spec.ScheduleID) {
		spec.ScheduleID = 0 // its jobs would be those of a schedule that is yet to come
	}
	// With a clock that is ahead it would be the newest of all for ever.
	spec.CreatedAt = s.notAhead(spec.CreatedAt)
	id, err := se.idFor(tx, key)
	if err != nil {
		return job.Job{}, err
	}
	spec, due := s.explained(tx, agent, key, spec)
	j := job.New(id, key, agent, spec)
	j.Announced = !due
	if err := tx.PutJob(j); err != nil {
		return j, err
	}
	if err := s.tellBackup(tx, j); err != nil {
		return j, err
	}
	if err := s.tellOfSteps(tx, j); err != nil {
		return j, err
	}
	if j, _, err = tx.Job(j.ID); err != nil { // its steps are told now
		return j, err
	}
	s.noticeCounts(tx, j.Agent)
	tx.OnCommit(func() { s.orderChanged(j) })
	s.log.Info("job taken in from its agent", "job", j.ID, "agent", agent, "kind", spec.Kind)
	return j, nil
}

// takeRecords stores the journal by number: what is known already is skipped,
// what leaves a hole is refused with the number that is expected. What goes on
// behind the end that the verdict names is left out, and never is a hole: its
// agent must not break off over what it cannot change.
func (s *Service) takeRecords(tx *store.Tx, se *session, j job.Job, reg job.Register, r *fleetv1.JobReport) (job.Job, error) {
	own := upTo(journalEnd(j, reg), r)
	if len(own) < len(r.Records) {
		if err := s.refuseRewrite(tx, se, j, "more log lines than its verdict has"); err != nil {
			return j, err
		}
	}
	if len(own) == 0 {
		return j, nil
	}
	if r.First > j.LogNext {
		// Aborted: the agent says Hello again and goes on from our number.
		return j, connect.NewError(connect.CodeAborted, fmt.Errorf("job %d: journal number %d is expected, not %d", j.ID, j.LogNext, r.First))
	}
	records := make([]job.Record, 0, len(own))
	for _, p := range own {
		if p.Number >= j.LogNext {
			records = append(records, wire.ToRecord(p))
		}
	}
	if len(records) == 0 {
		return j, nil
	}
	gone := j.LogGone
	if gone && j.Verdict != nil { // the end of a log that is not kept any more
		j.LogNext += uint64(len(records))
		return j, tx.PutJob(j)
	}
	if err := tx.AppendLog(j.ID, j.LogNext, records); err != nil {
		return j, err
	}
	j.LogNext, j.LogGone = j.LogNext+uint64(len(records)), false
	if j.Verdict == nil && !gone {
		tx.SetLive(j) // a start counts an active job's lines again
	} else if err := tx.PutJob(j); err != nil {
		return j, err
	}
	tx.OnCommit(func() {
		s.listArrived(j)
		s.meter.Records(len(records))
	})
	return j, nil
}

// ended: a stream that ends is no failure.
func ended(err error) error {
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
