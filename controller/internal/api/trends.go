package api

import (
	"net/http"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/fleet"
	"borgfleet/controller/internal/history"
	"borgfleet/shared/job"
)

const (
	usualTrendDays = 30
	mostTrendDays  = 800 // two years, and one may begin at the first of a month
)

func trendParameters() []string {
	return []string{"days", "agent", "repository", "label", "kind"}
}

func (s *server) fleetTrends(w http.ResponseWriter, r *http.Request) error {
	in := readQuery(r)
	days := in.number("days", usualTrendDays, 1)
	if days > mostTrendDays {
		in.bad.add("query.days", "it must be at most %d", mostTrendDays)
	}
	q := fleet.TrendQuery{
		Days: int(min(days, mostTrendDays)), Agent: in.text("agent"), Repository: in.text("repository"), Label: in.label("label"), Kinds: in.kinds(),
	}
	if err := in.bad.err(); err != nil {
		return err
	}
	all, err := s.Fleet.Trends(r.Context(), q)
	if err != nil {
		return err
	}
	out := rest.Trends{Days: trendDays(all)}
	var total history.Tally
	for _, day := range all.Days {
		total = total.Plus(day)
	}
	out.Total = trendOf(total)
	return writeJSON(w, http.StatusOK, out)
}

func trendDays(all fleet.Trends) []rest.TrendDay {
	out := make([]rest.TrendDay, len(all.Days))
	for i, day := range all.Days {
		out[i] = rest.TrendDay{Date: (all.First + history.Date(i)).String(), Trend: trendOf(day)}
	}
	return out
}

func trendOf(t history.Tally) rest.Trend {
	out := rest.Trend{
		Jobs: t.Jobs(), Pending: t.Of(job.Pending), Running: t.Of(job.Running),
		Completed: t.Of(job.Completed), CompletedWithWarnings: t.Of(job.CompletedWithWarnings), Failed: t.Of(job.Failed), Cancelled: t.Of(job.Cancelled),
		OriginalSize: t.Original, DeduplicatedSize: t.Dedup, TimedJobs: t.Timed,
	}
	// Who cancels a job says nothing of how well it goes.
	if good := out.Completed + out.CompletedWithWarnings; good+out.Failed > 0 {
		rate := float64(good) / float64(good+out.Failed)
		out.SuccessRate = &rate
	}
	if t.Timed > 0 {
		mean := float64(t.Seconds) / float64(t.Timed)
		out.DurationSeconds, out.MeanDurationSeconds = &t.Seconds, &mean
	}
	return out
}
