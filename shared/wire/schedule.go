package wire

import (
	"fmt"
	"time"

	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/schedule"
)

// FromSchedule encodes a schedule.
func FromSchedule(s schedule.Schedule) *fleetv1.Schedule {
	return &fleetv1.Schedule{
		Id: s.ID, Key: s.Key[:], Name: text(s.Name), Cron: text(s.Cron), Timezone: text(s.Zone), Enabled: s.Enabled,
		Splay: seconds(s.Splay), CatchUp: seconds(s.CatchUp), Overlap: string(s.Overlap),
		Retries: int32(s.Retries), RetryDelay: seconds(s.RetryDelay),
		After: fromAfter(s.After), CheckEvery: seconds(s.CheckEvery), PingUrl: text(s.Ping),
	}
}

// CheckedSchedule decodes a schedule that can be gone by.
func CheckedSchedule(p *fleetv1.Schedule) (schedule.Schedule, error) {
	s, err := ToSchedule(p)
	if err != nil {
		return s, err
	}
	return s, s.Check()
}

// ToSchedule decodes a schedule. What it says is checked by who goes by it.
func ToSchedule(p *fleetv1.Schedule) (schedule.Schedule, error) {
	if p == nil {
		return schedule.Schedule{}, fmt.Errorf("there is no schedule")
	}
	key, err := schedule.KeyFromBytes(p.Key)
	if err != nil {
		return schedule.Schedule{}, err
	}
	s := schedule.Schedule{
		ID: p.Id, Key: key, Name: within(p.Name, mostName), Cron: p.Cron, Zone: p.Timezone, Enabled: p.Enabled,
		Splay: span(p.Splay), CatchUp: span(p.CatchUp), Overlap: schedule.Overlap(p.Overlap),
		Retries: int(p.Retries), RetryDelay: span(p.RetryDelay),
		After: toAfter(p.After), CheckEvery: span(p.CheckEvery), Ping: p.PingUrl,
	}
	if s.ID <= 0 {
		return s, fmt.Errorf("a schedule's id is above 0")
	}
	return s, nil
}

// FromSchedules encodes schedules.
func FromSchedules(all []schedule.Schedule) []*fleetv1.Schedule {
	var out []*fleetv1.Schedule
	for _, s := range all {
		out = append(out, FromSchedule(s))
	}
	return out
}

func fromAfter(a job.After) *fleetv1.After {
	if len(a.Steps()) == 0 {
		return nil
	}
	return &fleetv1.After{Prune: fromPrune(a.Prune), Compact: a.Compact, Check: fromCheck(a.Check)}
}

func toAfter(p *fleetv1.After) job.After {
	if p == nil {
		return job.After{}
	}
	return job.After{Prune: toPrune(p.Prune), Compact: p.Compact, Check: toCheck(p.Check)}
}

// FromScheduleStates encodes how a host's schedules stand.
func FromScheduleStates(all []schedule.State, zone string) *fleetv1.ScheduleStates {
	out := &fleetv1.ScheduleStates{Timezone: text(zone)}
	for _, s := range all {
		p := &fleetv1.ScheduleState{
			ScheduleId: s.Schedule, RepositoryId: s.Repository, Next: stamp(s.Next),
			Problem: text(s.Problem), Cron: text(s.Cron), PingProblem: text(s.Ping),
		}
		for _, m := range s.Missed {
			p.Missed = append(p.Missed, &fleetv1.Missed{
				First: stamp(m.First), Last: stamp(m.Last), Count: int64(m.Count), Reason: text(m.Reason),
			})
		}
		out.States = append(out.States, p)
	}
	return out
}

// mostMissed is more than an agent tells.
const mostMissed = 20

// ToScheduleState decodes how one of an agent's schedules stands.
func ToScheduleState(p *fleetv1.ScheduleState) schedule.State {
	s := schedule.State{
		Schedule: p.GetScheduleId(), Repository: p.GetRepositoryId(), Next: instant(p.GetNext()),
		Problem: within(p.GetProblem(), mostName), Cron: within(p.GetCron(), mostName),
		Ping: within(p.GetPingProblem(), mostName),
	}
	told := p.GetMissed()
	for _, m := range told[max(0, len(told)-mostMissed):] {
		s.Missed = append(s.Missed, schedule.Missed{
			First: instant(m.GetFirst()), Last: instant(m.GetLast()),
			Count: int(figure(m.GetCount())), Reason: within(m.GetReason(), mostName),
		})
	}
	return s
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

// span is a number of seconds, of which a Duration has room for so many.
func span(n int64) time.Duration {
	const most = int64(1 << 31)
	return time.Duration(max(-1, min(n, most))) * time.Second
}
