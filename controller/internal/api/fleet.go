package api

import (
	"cmp"
	"net/http"
	"time"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/fleet"
	"borgfleet/controller/internal/history"
	"borgfleet/shared/job"
)

// mostAge bounds max_age.
const mostAge = 10 * 366 * 24 * time.Hour

func (s *server) fleetHosts(w http.ResponseWriter, r *http.Request) error {
	in := readQuery(r)
	q := fleet.HostQuery{
		Agent: in.text("agent"), Label: in.label("label"), StaleOnly: in.flag("stale"), ShrunkOnly: in.flag("shrunk"),
		MaxAge: time.Duration(min(in.number("max_age", 0, 1), int64(mostAge/time.Second))) * time.Second,
	}
	if err := in.bad.err(); err != nil {
		return err
	}
	all, err := s.Fleet.Hosts(r.Context(), q)
	if err != nil {
		return err
	}
	list := rest.HostList{Hosts: make([]rest.Host, 0, len(all))}
	for _, v := range all {
		list.Hosts = append(list.Hosts, hostBody(v, s.Now()))
	}
	return writeJSON(w, http.StatusOK, list)
}

func hostBody(v fleet.HostView, now time.Time) rest.Host {
	out := rest.Host{
		RepositoryID: v.Repository, Name: v.Name, Path: v.Path, Agent: cmp.Or(v.AgentName, v.AgentID), AgentID: v.AgentID,
		AgentOnline: v.AgentOnline, LastContactAt: rest.At(v.LastContactAt), Scheduled: v.Scheduled, Paused: v.Paused,
		LastJobID: orNull(v.Job.ID), LastStatus: orNull(string(v.Job.Status)), LastAt: markTime(v.Job),
		LastGoodJobID: orNull(v.Good.ID), LastGoodAt: markTime(v.Good),
		ExpectedAt: rest.At(v.ExpectedAt), NextRun: rest.At(v.NextRun), Stale: v.Stale, Why: orNull(v.Why),
	}
	if v.Good.ID != 0 {
		age := max(0, int64(now.Sub(v.Good.CreatedAt)/time.Second))
		out.AgeSeconds, out.LastGoodSize = &age, &v.Good.Original
	}
	if v.Shrunk() {
		out.Shrunk = &rest.Shrunk{Size: v.Good.Original, NormalSize: v.Normal.Original, NormalJobID: v.Normal.ID, NormalAt: markTime(v.Normal)}
	}
	return out
}

func markTime(m history.Mark) *rest.Time {
	if m.ID == 0 {
		return nil
	}
	return rest.At(m.CreatedAt)
}

func (s *server) fleetSummary(w http.ResponseWriter, r *http.Request) error {
	v, err := s.Fleet.Summary(r.Context())
	if err != nil {
		return err
	}
	out := rest.Summary{
		Agents:       rest.SummaryAgents{Total: int64(v.Agents), Online: int64(v.Online)},
		Repositories: rest.SummaryRepositories{Total: int64(v.Repositories), Stale: int64(v.Stale), Unscheduled: int64(v.Unscheduled), Shrunk: int64(v.Shrunk)},
		Jobs:         rest.SummaryJobs{Running: int64(v.Running), Waiting: int64(v.Waiting)},
		Backups:      []rest.SummarySpan{},
		Days:         trendDays(v.Days),
		NextRuns:     []rest.NextRun{},
	}
	for _, span := range v.Spans {
		by := span.ByStatus
		out.Backups = append(out.Backups, rest.SummarySpan{
			Hours: int64(span.Span / time.Hour), Jobs: span.Jobs, Pending: by[job.Pending], Running: by[job.Running],
			Completed: by[job.Completed], CompletedWithWarnings: by[job.CompletedWithWarnings], Failed: by[job.Failed], Cancelled: by[job.Cancelled],
			OriginalSize: span.Original, DeduplicatedSize: span.Dedup,
		})
	}
	for _, n := range v.Next {
		out.NextRuns = append(out.NextRuns, rest.NextRun{At: rest.At(n.At), RepositoryID: n.Repository, Name: n.Name, Agent: n.AgentName})
	}
	return writeJSON(w, http.StatusOK, out)
}
