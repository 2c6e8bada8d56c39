package fleet

import (
	"context"
	"fmt"
	"iter"

	"borgfleet/shared/job"
)

// Log answers lines after offset, which counts the lines a client already has.
// Reading the log of a running job asks its agent not to hold lines back.
func (s *Service) Log(ctx context.Context, id int64, offset uint64, limit int) (LogPage, error) {
	j, err := s.loadFor(ctx, id)
	if err != nil {
		return LogPage{}, err
	}
	if j.Verdict == nil && s.followers.add(j.ID) {
		s.answerFollow(j)
	}
	page := LogPage{Job: j, Total: linesKept(j)}
	if offset >= page.Total || limit <= 0 {
		page.HasMore = offset < page.Total
		return page, nil
	}
	size := 0
	for r, err := range s.store.LogFrom(id, offset+1) {
		if err != nil {
			return LogPage{}, fmt.Errorf("read log of job %d: %w", id, err)
		}
		if len(page.Lines) == limit || size > pageBytes || r.Number > page.Total {
			break
		}
		page.Lines = append(page.Lines, LogLine{Number: r.Number, Text: lineText(r)})
		size += len(r.Text)
	}
	if n := len(page.Lines); n > 0 {
		page.HasMore = page.Lines[n-1].Number < page.Total
	}
	return page, nil
}

// linesKept is how many lines a job's log has that can be read.
func linesKept(j job.Job) uint64 {
	if j.LogGone {
		return 0
	}
	return j.LogNext - 1
}

// pageBytes bounds a page in memory: a line of borg's may have half a megabyte.
const pageBytes = 2 << 20

// lineText shows a hole as a line of its own: a log that lacks lines says so.
func lineText(r job.Record) string {
	if r.Gap != nil {
		return fmt.Sprintf("[%d lines are missing here: %s]", r.Gap.Count, r.Gap.Reason)
	}
	return r.Text
}

// Lines goes through a job's log after offset, up to line number to, or to what
// is stored when it gets there. It holds a few lines at a time, however long
// the log is, and nothing of the store between them.
func (s *Service) Lines(id int64, offset, to uint64) iter.Seq2[LogLine, error] {
	return func(yield func(LogLine, error) bool) {
		if offset >= to {
			return
		}
		for r, err := range s.store.LogFrom(id, offset+1) {
			if err != nil {
				yield(LogLine{}, fmt.Errorf("read log of job %d: %w", id, err))
				return
			}
			if r.Number > to || !yield(LogLine{Number: r.Number, Text: lineText(r)}, nil) {
				return
			}
		}
	}
}

// Follow is for who reads a job along: changed receives after each change of
// the job and after new lines, and until stop is called its agent is asked not
// to hold lines back.
func (s *Service) Follow(id int64) (changed <-chan struct{}, stop func()) {
	changed, unwatch := s.watch.on(id)
	first, release := s.followers.hold(id)
	if first {
		if j, err := s.load(id); err == nil && j.Verdict == nil { // who follows reads it too, and tells the error
			s.answerFollow(j)
		}
	}
	return changed, func() { unwatch(); release() }
}
