package fleet

import (
	"context"
	"slices"
	"time"

	"borgfleet/controller/internal/history"
	"borgfleet/shared/job"
)

// Summary is the whole fleet in a few figures.
type Summary struct {
	Agents       int
	Online       int
	Repositories int
	Stale        int
	Unscheduled  int // repositories that no schedule backs up
	Shrunk       int // repositories whose newest good backup is less than half of the last normal one
	Running      int
	Waiting      int
	Spans        []SpanTotals
	Days         Trends    // the backups of the last days
	Next         []NextRun // the next runs of all schedules
}

// SpanTotals sums up the backups of a span that ends now.
type SpanTotals struct {
	Span time.Duration
	history.Totals
}

const nextInSummary = 10

// summarySpans are what people ask about.
func summarySpans() []time.Duration {
	const day = 24 * time.Hour
	return []time.Duration{day, 7 * day, 30 * day}
}

// Summary sums the fleet up.
func (s *Service) Summary(ctx context.Context) (Summary, error) {
	var out Summary
	for _, a := range s.fleet().agents {
		out.Agents++
		if s.online(a.ID) {
			out.Online++
		}
		running, waiting := s.store.ActiveCount(a.ID)
		out.Running += running
		out.Waiting += waiting
	}
	err := s.eachHost(ctx, nil, 0, func(h HostView) {
		out.Repositories++
		if h.Stale {
			out.Stale++
		}
		if !h.Scheduled {
			out.Unscheduled++
		}
		if h.Shrunk() {
			out.Shrunk++
		}
		if !h.NextRun.IsZero() {
			out.addNext(NextRun{h.Repository, h.Name, h.AgentName, h.NextRun})
		}
	})
	if err != nil {
		return out, err
	}
	now := s.now()
	for _, span := range summarySpans() {
		totals, err := s.store.Totals(history.Filter{
			Kinds: []job.Kind{job.Backup}, Since: now.Add(-span), Repositories: s.within(ctx, nil),
		})
		if err != nil {
			return out, err
		}
		out.Spans = append(out.Spans, SpanTotals{span, totals})
	}
	out.Days, err = s.summaryDays(ctx)
	return out, err
}

// addNext keeps the first of the next runs. Of ten thousand nearly all come after
// those that are kept.
func (s *Summary) addNext(n NextRun) {
	if len(s.Next) == nextInSummary && !n.before(s.Next[nextInSummary-1]) {
		return
	}
	i, _ := slices.BinarySearchFunc(s.Next, n, func(a, b NextRun) int {
		if a.before(b) {
			return -1
		}
		return 1
	})
	s.Next = slices.Insert(s.Next, i, n)
	s.Next = s.Next[:min(len(s.Next), nextInSummary)]
}

func (n NextRun) before(o NextRun) bool {
	if !n.At.Equal(o.At) {
		return n.At.Before(o.At)
	}
	return compareTexts(n.AgentName, o.AgentName, n.Name, o.Name) < 0
}
