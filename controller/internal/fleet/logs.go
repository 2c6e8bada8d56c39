package fleet

import (
	"context"
	"fmt"
	"sync"
	"time"

	"borgfleet/shared/job"
)

// Log answers lines after offset, which counts the lines a client already has.
// Reading the log of a running job asks its agent not to hold lines back.
func (s *Service) Log(_ context.Context, id int64, offset uint64, limit int) (LogPage, error) {
	j, err := s.load(id)
	if err != nil {
		return LogPage{}, err
	}
	if j.Verdict == nil && s.followers.add(j.ID) {
		s.answerFollow(j)
	}
	page := LogPage{Job: j, Total: j.LogNext - 1}
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

// pageBytes bounds a page in memory: a line of borg's may have a megabyte.
const pageBytes = 8 << 20

// lineText shows a hole as a line of its own: a log that lacks lines says so.
func lineText(r job.Record) string {
	if r.Gap != nil {
		return fmt.Sprintf("[%d lines are missing here: %s]", r.Gap.Count, r.Gap.Reason)
	}
	return r.Text
}

// followLife is how long one read of a running job's log counts as following.
const followLife = 15 * time.Second

// followers remembers which running jobs somebody reads along with.
type followers struct {
	now func() time.Time

	mu    sync.Mutex
	until map[int64]time.Time // guarded by mu
}

func newFollowers(now func() time.Time) *followers {
	return &followers{now: now, until: map[int64]time.Time{}}
}

// add says whether the agent has to be told.
func (f *followers) add(id int64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	for old, t := range f.until {
		if now.After(t) {
			delete(f.until, old)
		}
	}
	_, known := f.until[id]
	f.until[id] = now.Add(followLife)
	return !known
}

func (f *followers) has(id int64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now().Before(f.until[id])
}

func (s *Service) answerFollow(j job.Job) {
	if se := s.session(j.Agent); se != nil && j.OnAgent() {
		se.answer(s.answerFor(j))
	}
}
