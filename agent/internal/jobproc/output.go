package jobproc

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"borgfleet/agent/internal/borg"
	"borgfleet/agent/internal/jobdir"
	"borgfleet/shared/job"
	"borgfleet/shared/wire"
)

// maxStdout bounds borg's answer; that to a create is a few kilobytes.
const maxStdout = 64 << 20

// run is one borg, executed by this process or taken over from another.
type run struct {
	p       *process
	started jobdir.Started
	tracker borg.Tracker
	meter   *borg.Meter
	errs    *jobdir.Drain
	outs    *jobdir.Drain

	phase     borg.Phase // last shown, before there are figures
	off       int64      // in the stderr spool: begin of the line to read next
	known     int64      // up to here the lines are journalled already
	hole      bool       // what is at off may be punched out
	cut       bool       // what borg said first is gone
	missed    bool       // lines had no room on the disk
	unread    bool       // borg went before somebody followed it: what was in its pipe went with it
	read      int64
	split     borg.LineSplitter
	chunk     []byte
	batch     []jobdir.Line
	walked    chan int64 // the size scan's total
	walkTotal int64
	counted   chan int64 // files that are there already
	files     int64

	answer  io.Writer // takes borg's answer as it comes; nil: it is kept
	outRead int64     // of the answer

	exit       borg.Exit
	exitKnown  bool
	ended      time.Time
	terminated bool // a running borg was told to end
}

func (p *process) newRun(s jobdir.Started) (*run, error) {
	known := int64(p.journal.Consumed())
	errs, err := p.dir.OpenDrain(jobdir.Stderr, known)
	if err != nil {
		return nil, err
	}
	outs, err := p.dir.OpenDrain(jobdir.Stdout, 0)
	if err != nil {
		errs.Close()
		return nil, err
	}
	r := &run{
		p: p, started: s, errs: errs, outs: outs, known: known, off: known,
		chunk: make([]byte, 128<<10), walked: make(chan int64, 1), counted: make(chan int64, 1),
	}
	r.tracker.ExpectSources(p.spec.Repository.Sources)
	return r, nil
}

func (r *run) close() {
	r.errs.Close()
	r.outs.Close()
}

// scan adds up what borg will read, beside borg and never before it.
func (r *run) scan(gone <-chan struct{}) {
	if r.p.spec.Kind != job.Backup {
		return
	}
	repo := r.p.spec.Repository
	skip := []string{r.p.host.CacheDir()}
	if normal, local := job.NormalPath(repo.Path); local {
		skip = append(skip, normal)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-gone
		cancel()
	}()
	go func() {
		total, complete := borg.Scan(ctx, repo.Sources, borg.ScanOptions{
			OneFileSystem: repo.OneFileSystem, ExcludeCaches: repo.ExcludeCaches,
			ExcludeIfPresent: repo.ExcludeIfPresent, Excludes: repo.ExcludePatterns, Skip: skip,
		})
		if complete {
			r.walked <- total
		}
	}()
}

// tally counts what a restore has written, since borg does not say: with a list
// of every file it would, and need a quarter more time. Each look takes a
// twentieth of the time between two at most.
func (r *run) tally(gone <-chan struct{}) {
	w, ok := r.p.work.(*restore)
	if !ok || w.to == nil {
		return
	}
	path := w.to.path
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-gone
		cancel()
	}()
	go func() {
		wait := time.Second
		for sleep(ctx, wait) {
			begun := time.Now()
			if _, files, whole := borg.Measure(ctx, path); whole {
				select {
				case r.counted <- files:
				case <-ctx.Done():
				}
			}
			wait = max(time.Second, 20*time.Since(begun))
		}
	}()
}

// follow reads borg's output until it has ended: both pipes are closed, or
// borg is gone and they are empty.
func (r *run) follow(gone <-chan struct{}) {
	r.read = r.off
	drained := make(chan struct{})
	var wg sync.WaitGroup
	for _, d := range []*jobdir.Drain{r.errs, r.outs} {
		wg.Go(func() {
			if err := d.Run(gone); err != nil {
				r.p.log.Error("drain borg's output", "err", err)
			}
		})
	}
	go func() {
		wg.Wait()
		close(drained)
	}()
	for {
		select {
		case <-r.errs.Changed():
			r.take()
		case total := <-r.walked:
			r.walkTotal = total
			if r.meter != nil {
				r.meter.SetWalkTotal(total)
			}
		case r.files = <-r.counted:
			r.show()
		case <-r.outs.Changed():
			r.takeAnswer()
		case <-drained:
			r.take()
			r.flush()
			r.takeAnswer()
			return
		}
	}
}

// take reads what has arrived in the spool.
func (r *run) take() {
	for {
		n, err := r.errs.ReadAt(r.chunk, r.read)
		if n == 0 {
			if err != nil && !errors.Is(err, io.EOF) {
				r.p.log.Error("read borg's output", "err", err)
			}
			return
		}
		r.read += int64(n)
		r.split.Write(r.unpunched(r.chunk[:n]))
		for line, size, ok := r.split.Next(); ok; line, size, ok = r.split.Next() {
			r.line(line, size)
		}
		r.show()
	}
}

// takeAnswer hands on what has arrived of borg's answer, if somebody wants it in
// parts. What was handed on is given back to the disk.
func (r *run) takeAnswer() {
	if r.answer == nil {
		return
	}
	for {
		n, err := r.outs.ReadAt(r.chunk, r.outRead)
		if n == 0 {
			if err != nil && !errors.Is(err, io.EOF) {
				r.p.log.Error("read borg's answer", "err", err)
			}
			return
		}
		r.outRead += int64(n)
		_, _ = r.answer.Write(r.chunk[:n]) // it keeps its own errors, for the verdict
		r.outs.Done(r.outRead)
	}
}

// unpunched skips what an earlier process was done with.
func (r *run) unpunched(b []byte) []byte {
	if !r.hole {
		return b
	}
	rest := bytes.TrimLeft(b, "\x00")
	r.off += int64(len(b) - len(rest))
	if len(rest) > 0 {
		r.hole = false
	}
	return rest
}

// flush takes a last line without its end.
func (r *run) flush() {
	if line, size, ok := r.split.Flush(); ok {
		r.line(line, size)
	}
	r.lose(r.errs.Size())
	r.show()
}

func (r *run) line(line []byte, size int64) {
	r.lose(r.off)
	r.off += size
	e := borg.ParseLine(line)
	r.tracker.Observe(e)
	if e.Kind == borg.Progress && !e.Finished {
		return
	}
	if r.off <= r.known {
		return // journalled by an earlier process
	}
	level, text, keep := e.Record()
	if !keep {
		return
	}
	r.batch = append(r.batch, jobdir.Line{
		Record: job.Record{
			Time: eventTime(e), Level: level, Source: "borg",
			Text: r.p.pass.mask(text), Consumed: uint64(r.off), Data: removedData(e),
		},
		Expendable: e.Kind == borg.FileStatus,
	})
}

// removedData is the archive that a prune says it removes, for the controller: an
// archive that nobody is known to have removed has vanished.
func removedData(e borg.Event) []byte {
	a, ok := e.RemovedArchive()
	if !ok {
		return nil
	}
	data, err := wire.EncodeArchive(job.Archive{Name: a.Name, ID: a.ID})
	if err != nil {
		return nil // the line itself is there
	}
	return data
}

func eventTime(e borg.Event) time.Time {
	if e.Time <= 0 {
		return time.Now()
	}
	return time.UnixMicro(int64(e.Time * 1e6))
}

// show hands on what take collected: lines to the journal, figures to the
// register.
func (r *run) show() {
	r.journal()
	r.errs.Done(r.off)
	c, ok := r.tracker.Counters()
	if !ok {
		r.showPhase() // a command that counts no files, or not yet
		return
	}
	if r.meter == nil {
		return
	}
	if total := r.tracker.Expected(); total > 0 {
		r.expect(total)
	}
	progress := r.meter.Observe(c, time.Now())
	progress.NFiles = max(progress.NFiles, r.files)
	progress.CurrentFile = r.p.pass.mask(progress.CurrentFile)
	phase := r.tracker.Phase()
	r.p.reg.Change(func(g *job.Register) {
		g.Progress = progress
		g.BorgPhase, g.BorgPhasePercent = phase.MsgID, phase.Percent
	})
}

func (r *run) showPhase() {
	phase := r.tracker.Phase()
	if phase.MsgID == r.phase.MsgID && phase.Percent == r.phase.Percent {
		return
	}
	r.phase = phase
	r.p.reg.Change(func(g *job.Register) { g.BorgPhase, g.BorgPhasePercent = phase.MsgID, phase.Percent })
}

// lose counts the lines that are missing before an offset, after those that
// stand before them.
func (r *run) lose(off int64) {
	if lost := r.errs.LostBefore(off); lost > 0 {
		r.missed = true
		r.journal()
		r.p.journal.Lose(lost, "borg wrote more at once than there was room for on the agent's disk")
	}
}

func (r *run) journal() {
	if len(r.batch) > 0 {
		r.p.journal.Append(r.batch...)
		clear(r.batch)
		r.batch = r.batch[:0]
	}
}

// expect takes borg's own word for how much there is to do.
func (r *run) expect(total int64) {
	if r.walkTotal != total {
		r.walkTotal = total
		r.meter.SetWalkTotal(total)
	}
}

// outcome is what is known about the end. The answer to a list can be long, and
// is read as a stream by who needs it.
func (r *run) outcome() borg.Outcome {
	var stdout []byte
	if r.p.spec.Kind != job.List {
		var err error
		if stdout, err = r.p.dir.ReadSpool(jobdir.Stdout, maxStdout); err != nil {
			r.p.log.Error("read borg's answer", "err", err)
		}
	}
	version, _ := borg.ParseVersion(r.started.BorgVersion)
	return borg.Outcome{
		Kind: r.p.spec.Kind, Exit: r.exit, ExitKnown: r.exitKnown, Cancelled: r.p.cancelled(),
		Stdout: stdout, Tracker: &r.tracker, Partial: r.partial(), Version: version, KnownHosts: r.p.host.SSH.KnownHosts,
	}
}

// partial: this process has not seen all that borg said.
func (r *run) partial() bool { return r.cut || r.missed }

// lockedOut says that borg did nothing but wait for the repository's lock.
func (r *run) lockedOut() bool {
	_, worked := r.tracker.Counters()
	f := r.tracker.Failure()
	return !r.partial() && r.exitKnown && !r.exit.Good() && !worked && f != nil && f.MsgID == "LockTimeout"
}

// cacheDamaged says what borg did not like about its own cache. It reads that
// before it writes anything, and before its first word about progress.
func (r *run) cacheDamaged() *borg.CacheDamage {
	_, worked := r.tracker.Counters()
	if !r.exitKnown || r.exit.Good() || worked || r.tracker.Walked() || r.partial() {
		return nil
	}
	return r.tracker.CacheDamage()
}

func (r *run) failureText() string {
	if f := r.tracker.Failure(); f != nil {
		return f.Message
	}
	return "borg did not say why"
}
