package jobproc

import (
	"context"
	"fmt"
	"io"
	"path"
	"strings"

	"borgfleet/agent/internal/borg"
	"borgfleet/agent/internal/jobdir"
	"borgfleet/shared/job"
	"borgfleet/shared/wire"
)

// contents is borg list of a folder in an archive: its direct children, one
// journal record each.
type contents struct {
	spec job.ListSpec
	seen *folder // nil: borg was executed by another process
}

func newContents(spec job.ListSpec) *contents { return &contents{spec: spec} }

func (*contents) ready(*process) error             { return nil }
func (*contents) archive(*process) (string, error) { return "", nil }

func (w *contents) invocation(p *process, _ string) (borg.Invocation, error) {
	return borg.Contents(p.host, p.spec.Repository, w.spec.Archive, w.spec.Path)
}

func (w *contents) title(p *process, _ string) string {
	return fmt.Sprintf("Listing %s of archive %s in %s (borg %s)", w.where(), w.spec.Archive, p.spec.Repository.Path, p.tool.Version)
}

// where names the folder for people.
func (w *contents) where() string {
	if w.spec.Path == "" {
		return "the topmost folder"
	}
	return fmt.Sprintf("%q", w.spec.Path)
}

func (w *contents) answer(p *process) io.Writer {
	w.seen = newFolder(w.spec.Path, func(lines []jobdir.Line) {
		for i := range lines {
			lines[i].Text = p.pass.mask(lines[i].Text)
		}
		p.journal.Append(lines...)
	})
	return w.seen
}

func (w *contents) judge(p *process, r *run) job.Verdict {
	v := borg.Classify(r.outcome())
	if !v.Status.Good() {
		return v
	}
	if w.seen == nil {
		return w.lookBack(p, r.started, borg.Outcome{})
	}
	w.seen.close()
	no := func(code, format string, args ...any) job.Verdict {
		return job.Verdict{Status: job.Failed, ExitCode: v.ExitCode, ErrorCode: code, ErrorMessage: fmt.Sprintf(format, args...)}
	}
	switch {
	case w.seen.err != nil:
		return no(job.CodeListIncomplete, "borg's list could not be read: %v", w.seen.err)
	case r.outs.Lost() > 0 || p.journal.DataLost() > 0:
		return no(job.CodeListIncomplete, "the list of %s is too long for this agent's disk or for a job's log: list a folder below it", w.where())
	case w.seen.file:
		return no(job.CodeNotAFolder, "%q is not a folder in the archive %s", w.spec.Path, w.spec.Archive)
	case w.spec.Path != "" && !w.seen.there:
		return no(job.CodePathsNotFound, "the archive %s has no folder %q", w.spec.Archive, w.spec.Path)
	}
	v.Progress = job.Progress{Percent: 100, NFiles: w.seen.count, TotalSource: job.TotalNone}
	return v
}

// lookBack: half a list is none, and a list is soon made anew.
func (*contents) lookBack(p *process, _ jobdir.Started, _ borg.Outcome) job.Verdict {
	if p.cancelled() {
		return job.Verdict{Status: job.Cancelled, ErrorCode: job.CodeCancelled}
	}
	return job.Verdict{Status: job.Failed, ErrorCode: job.CodeInterrupted, ErrorMessage: "interrupted: the list is not whole; ask for it again"}
}

// lookUp is never asked: a list changes nothing, so there is nothing to find.
func (*contents) lookUp(context.Context, *process, jobdir.Started, borg.Outcome) (found, error) {
	return found{}, nil
}

func (*contents) summary(v job.Verdict) string {
	if v.Progress.NFiles == 1 {
		return "List finished: 1 entry"
	}
	return fmt.Sprintf("List finished: %d entries", v.Progress.NFiles)
}

// folder picks the direct children of one folder out of a list of all that is
// below it. It is fed with borg's output, and hands lines on in batches.
type folder struct {
	prefix string // with a slash at its end; empty: the topmost folder
	emit   func([]jobdir.Line)

	split   borg.LineSplitter
	names   map[string]bool // of the children; false: only implied so far
	implied []string        // in the order in which they were met
	batch   []jobdir.Line
	count   int64
	there   bool // the folder is in the archive, or something below it
	file    bool // it is there, and is no folder
	err     error
}

const entryBatch = 256

func newFolder(of string, emit func([]jobdir.Line)) *folder {
	f := &folder{emit: emit, names: map[string]bool{}}
	if of != "" {
		f.prefix = path.Clean(of) + "/"
	}
	return f
}

// Write takes a piece of borg's output. It never fails: see err.
func (f *folder) Write(b []byte) (int, error) {
	f.split.Write(b)
	for line, _, ok := f.split.Next(); ok; line, _, ok = f.split.Next() {
		f.line(line)
	}
	return len(b), nil
}

// close takes what is left, and adds the folders that are no entries.
func (f *folder) close() {
	if line, _, ok := f.split.Flush(); ok {
		f.line(line)
	}
	for _, name := range f.implied {
		if !f.names[name] {
			f.add(job.Entry{Path: f.prefix + name, Type: "d", Implied: true})
		}
	}
	f.flush()
}

func (f *folder) line(line []byte) {
	e, err := borg.ParseEntry(line)
	if err != nil {
		if f.err == nil {
			f.err = err
		}
		return
	}
	f.entry(e)
}

func (f *folder) entry(e job.Entry) {
	below, inside := strings.CutPrefix(e.Path, f.prefix)
	if !inside {
		if e.Path+"/" == f.prefix {
			f.there, f.file = true, f.file || e.Type != "d"
		}
		return
	}
	f.there = true
	name, _, deeper := strings.Cut(below, "/")
	met, known := f.names[name]
	switch {
	case deeper && known, met:
		return // a child of a child, or a path that was given to borg twice
	case deeper:
		name = strings.Clone(name) // not with the whole path behind it
		f.implied = append(f.implied, name)
		f.names[name] = false
		return
	}
	f.names[name] = true
	f.add(e)
}

func (f *folder) add(e job.Entry) {
	data, err := wire.EncodeEntry(e)
	if err != nil {
		f.err = err
		return
	}
	f.count++
	f.batch = append(f.batch, jobdir.Line{Record: job.Record{
		Level: job.LevelInfo, Source: "borg", Text: borg.EntryText(e), Data: data,
	}})
	if len(f.batch) == entryBatch {
		f.flush()
	}
}

func (f *folder) flush() {
	if len(f.batch) > 0 {
		f.emit(f.batch)
		clear(f.batch)
		f.batch = f.batch[:0]
	}
}
