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
	Running      int
	Waiting      int
	Spans        []SpanTotals
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
	for _, a := range s.store.Agents() {
		if a.Revoked {
			continue
		}
		out.Agents++
		if s.online(a.ID) {
			out.Online++
		}
		for _, j := range s.store.Active(a.ID) {
			if j.Status == job.Running {
				out.Running++
			} else {
				out.Waiting++
			}
		}
	}
	hosts, err := s.Hosts(ctx, HostQuery{})
	if err != nil {
		return out, err
	}
	for _, h := range hosts {
		out.Repositories++
		if h.Stale {
			out.Stale++
		}
		if !h.Scheduled {
			out.Unscheduled++
		}
		if !h.NextRun.IsZero() {
			out.Next = append(out.Next, NextRun{h.Repository, h.Name, h.AgentName, h.NextRun})
		}
	}
	slices.SortStableFunc(out.Next, func(a, b NextRun) int { return a.At.Compare(b.At) })
	out.Next = out.Next[:min(len(out.Next), nextInSummary)]
	now := s.now()
	for _, span := range summarySpans() {
		out.Spans = append(out.Spans, SpanTotals{span, s.store.Totals(history.Filter{
			Kinds: []job.Kind{job.Backup}, Since: now.Add(-span), Repositories: s.within(ctx, nil),
		})})
	}
	return out, nil
}
