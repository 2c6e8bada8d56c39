package fleet

import (
	"context"

	"borgfleet/controller/internal/history"
	"borgfleet/shared/job"
)

// TrendQuery selects what Trends sums up by day.
type TrendQuery struct {
	Agent      string // id or name
	Repository string // path, name or id
	Label      string // key=value
	Kinds      []job.Kind
	Days       int // that end with today's
}

// Trends is what jobs came to, for each of some days in UTC.
type Trends struct {
	First history.Date
	Days  []history.Tally
}

// Trends sums jobs up by the day that they were made on, or due. Days without a
// job are among them.
func (s *Service) Trends(ctx context.Context, q TrendQuery) (Trends, error) {
	out := Trends{First: history.DateOf(s.now()) - history.Date(q.Days-1)}
	f, any, err := s.filter(ctx, JobQuery{Agent: q.Agent, Repository: q.Repository, Label: q.Label, Kinds: q.Kinds})
	switch {
	case err != nil:
	case !any:
		out.Days = make([]history.Tally, q.Days)
	default:
		out.Days, err = s.store.Days(f, out.First, q.Days)
	}
	return out, err
}

// daysInSummary are enough to see whether last night was like the ones before.
const daysInSummary = 14

// summaryDays are the backups of the last days.
func (s *Service) summaryDays(ctx context.Context) (Trends, error) {
	return s.Trends(ctx, TrendQuery{Kinds: []job.Kind{job.Backup}, Days: daysInSummary})
}
