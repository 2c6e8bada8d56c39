package api

import (
	"cmp"
	"net/url"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/fleet"
	"borgfleet/shared/schedule"
)

func scheduleBody(v fleet.ScheduleView) rest.Schedule {
	out := rest.Schedule{
		ID: v.ID, Name: v.Name, CronExpression: v.Cron, Timezone: orNull(v.Zone),
		RepositoryIDs: append([]int64{}, v.Schedule.Repositories...), Enabled: v.Enabled,
		RunPruneAfter: v.After.Prune != nil, RunCompactAfter: v.After.Compact, RunCheckAfter: v.After.Check != nil,
		CheckEvery: seconds(v.CheckEvery), Splay: seconds(v.Splay), CatchUp: seconds(v.CatchUp),
		Overlap: string(v.Overlap), Retries: int64(v.Retries), RetryDelay: seconds(v.RetryDelay),
		CreatedAt: rest.At(v.CreatedAt), CreatedBy: orNull(v.By), NextRun: rest.At(v.NextRun),
		Repositories: []rest.ScheduledAt{},
	}
	if u, err := url.Parse(v.Ping); err == nil && v.Ping != "" {
		out.PingTarget = orNull(u.Scheme + "://" + u.Host + "/…") // the rest is as good as a password
	}
	if len(out.RepositoryIDs) == 1 {
		out.RepositoryID = &out.RepositoryIDs[0]
	}
	if p := v.After.Prune; p != nil {
		k := p.Keep
		out.KeepHourly, out.KeepDaily, out.KeepWeekly = k.Hourly, k.Daily, k.Weekly
		out.KeepMonthly, out.KeepQuarterly, out.KeepYearly = k.Monthly, k.Quarterly, k.Yearly
		out.KeepWithin = orNull(k.Within)
	}
	if c := v.After.Check; c != nil {
		out.CheckDepth, out.CheckMaxDuration = orNull(string(c.Depth)), seconds(c.MaxDuration)
	}
	for _, at := range v.At {
		out.Repositories = append(out.Repositories, scheduledBody(at))
	}
	return out
}

func scheduledBody(v fleet.ScheduledView) rest.ScheduledAt {
	out := rest.ScheduledAt{
		RepositoryID: v.Repository, Name: v.Name, Path: v.Path, Agent: cmp.Or(v.AgentName, v.AgentID), AgentID: v.AgentID,
		Timezone: orNull(v.Zone), NextRun: rest.At(v.NextRun), Missed: []rest.Missed{},
		OverdueSince: rest.At(v.OverdueAt), Problem: orNull(v.Why), LastMaintenanceStatus: orNull(v.LastSteps),
	}
	if v.Last.ID != 0 {
		status := string(v.Last.Status)
		out.LastRun, out.LastJobID, out.LastStatus = rest.At(v.Last.CreatedAt), &v.Last.ID, &status
	}
	for _, m := range v.Missed {
		out.Missed = append(out.Missed, missedBody(m))
	}
	return out
}

func missedBody(m schedule.Missed) rest.Missed {
	return rest.Missed{First: rest.At(m.First), Last: rest.At(m.Last), Count: int64(m.Count), Reason: m.Reason}
}
