package jobproc

import (
	"errors"
	"os"

	"borgfleet/agent/internal/borg"
	"borgfleet/agent/internal/jobdir"
	"borgfleet/shared/clock"
	"borgfleet/shared/job"
)

// stdio is what borg is given. borg is a reader and a writer of its own pipes.
type stdio struct {
	stdout, stderr *os.File
	lock           *jobdir.Lock
}

func (s *stdio) close() {
	for _, f := range []*os.File{s.stdout, s.stderr} {
		if f != nil {
			f.Close()
		}
	}
	if s.lock != nil {
		s.lock.Close()
	}
}

func (p *process) openStdio() (s *stdio, err error) {
	s = &stdio{}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if err := p.dir.EmptySpool(jobdir.Stdout); err != nil {
		return s, err
	}
	if s.lock, err = p.dir.BorgLock(); err != nil {
		return s, err
	}
	if s.stdout, err = p.dir.OpenFIFO(jobdir.Stdout); err != nil {
		return s, err
	}
	s.stderr, err = p.dir.OpenFIFO(jobdir.Stderr)
	return s, err
}

// execute runs borg to its end. Its error means that borg was not executed.
func (p *process) execute(n int, archive string, inv borg.Invocation) (*run, error) {
	ends, err := p.openStdio()
	if err != nil {
		return nil, err
	}
	defer ends.close()
	r, err := p.newRun(jobdir.Started{
		Incarnation: p.reg.Value().Incarnation, Attempt: n, BootID: p.bootID,
		ArchiveName: archive, BorgVersion: p.tool.Version.String(), Undisturbed: p.lookBefore(),
	})
	if err != nil {
		return nil, err
	}
	defer r.close()
	r.started.SpoolStart = r.errs.Size()
	r.off = r.started.SpoolStart
	p.say(job.LevelInfo, "%s", p.work.title(p, archive))
	r.started.StartedAt = clock.Now().Round(0) // as it will be read back
	r.meter = borg.NewMeter(r.started.StartedAt, p.expected())
	if w, ok := p.work.(streamed); ok {
		r.answer = w.answer(p)
	}
	if err := p.dir.MarkStarted(r.started); err != nil {
		return nil, err
	}
	p.c.at(PointStarted)
	proc, err := p.tool.Start(inv, borg.Stdio{
		Stdout: ends.stdout, Stderr: ends.stderr, Lock: ends.lock.File(), Passphrase: p.pass.copy(),
	})
	if err != nil {
		return nil, err
	}
	if err := ends.lock.Note(proc.PID()); err != nil {
		p.log.Warn("note borg's process", "err", err)
	}
	if proc.Unlimited != nil { // less than the owner wants, and no reason not to back up
		p.say(job.LevelWarning, "borg runs without the limits of agent.yaml: %v", proc.Unlimited)
	}
	// From now on borg alone holds borg.lock, and its end ends the pipes.
	ends.close()
	*ends = stdio{}
	p.c.at(PointExecuted)
	p.showStarted(r, true)
	p.own(r, proc)
	return r, nil
}

func (p *process) showStarted(r *run, running bool) {
	p.reg.Change(func(g *job.Register) {
		g.Phase, g.Reason = job.PhaseStarted, ""
		g.StartedAt = r.started.StartedAt
		g.ArchiveName = r.started.ArchiveName
		g.BorgVersion = r.started.BorgVersion
		g.BorgRunning = running
		g.BorgPhase, g.BorgPhasePercent = "", 0 // a hook's, or of an earlier process
		if r.meter != nil {
			g.Progress = r.meter.Last()
		}
	})
}

// own follows a borg that this process started.
func (p *process) own(r *run, proc *borg.Process) {
	gone := make(chan struct{})
	go func() {
		r.exit = proc.Wait()
		r.ended = clock.Now()
		r.exitKnown = r.exit.Err == nil
		p.c.at(PointExited)
		p.keepExit(r)
		close(gone)
	}()
	told := make(chan bool, 1)
	go func() {
		select {
		case <-p.stop.Done():
			told <- proc.Terminate(p.c.Grace, gone)
		case <-gone:
			told <- false
		}
	}()
	r.scan(gone)
	r.tally(gone)
	r.follow(gone)
	<-gone
	r.terminated = <-told
	p.calm = r.calmly()
}

func (p *process) keepExit(r *run) {
	if !r.exitKnown {
		return
	}
	err := p.dir.SetExit(jobdir.Exit{
		StartedAt: r.started.StartedAt, Code: r.exit.Code, Signal: int(r.exit.Signal), At: r.ended,
	})
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		p.log.Warn("exit status is not kept", "err", err)
	}
}
