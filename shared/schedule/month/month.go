// Package month is a month in the life of three hosts, for the tests of both sides:
// clocks are set, hosts sleep and the controller is away half of the time. What has
// to come of it is worked out by looking at the clock every few minutes, in a way
// that has nothing in common with the code that is judged by it.
package month

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"time"
)

// Step is how often a host looks at the clock; every time here is a multiple of it.
const Step = 5 * time.Minute

// RetryDelay is that of the hosts' schedules.
const RetryDelay = 10 * time.Minute

// From and To are the month. Clocks are set in New York, Berlin and on Lord Howe.
var (
	From = time.Date(2026, 3, 7, 0, 0, 0, 0, time.UTC)
	To   = time.Date(2026, 4, 7, 0, 0, 0, 0, time.UTC)
)

// Host is one with a schedule.
type Host struct {
	Name    string
	Zone    *time.Location
	Cron    string
	CatchUp time.Duration
	Retries int
	Asleep  Spans

	walls   []string // what Cron means, as a clock shows it
	elapsed bool     // the hours are a wildcard: they go by what has passed
}

// Run is one backup.
type Run struct {
	Fire    time.Time // that it is for
	Made    time.Time // when it began
	Ended   time.Time // zero: it runs
	Attempt int
	Failed  bool
}

func (r Run) String() string {
	const minute = "02 Jan 15:04"
	return fmt.Sprintf("%s try %d: %s - %s failed %v", r.Fire.UTC().Format(minute), r.Attempt, r.Made.UTC().Format(minute), r.Ended.UTC().Format(minute), r.Failed)
}

// Spans are stretches of time, one after the other.
type Spans []struct{ from, to time.Time }

// Holds says whether one of them holds a time.
func (s Spans) Holds(at time.Time) bool {
	for _, one := range s {
		if !at.Before(one.from) && at.Before(one.to) {
			return true
		}
	}
	return false
}

// Hosts are the three, and when the controller is away.
func Hosts() (hosts []Host, away Spans, err error) {
	luck := rand.New(rand.NewPCG(6, 2026))
	var every []string
	for hour := range 12 {
		every = append(every, fmt.Sprintf("%02d:20", 2*hour))
	}
	for _, h := range []Host{
		{Name: "Europe/Berlin", Cron: "30 2 * * *", walls: []string{"02:30"}, CatchUp: 24 * time.Hour, Retries: 2},
		{Name: "America/New_York", Cron: "20 */2 * * *", walls: every, elapsed: true, CatchUp: time.Hour},
		{Name: "Australia/Lord_Howe", Cron: "45 1,13 * * *", walls: []string{"01:45", "13:45"}, CatchUp: 3 * time.Hour, Retries: 1},
	} {
		if h.Zone, err = time.LoadLocation(h.Name); err != nil {
			return nil, nil, err
		}
		h.Asleep = spans(luck, 3*time.Hour, 50*time.Hour, 15*time.Minute, 30*time.Hour)
		hosts = append(hosts, h)
	}
	return hosts, spans(luck, time.Hour, 40*time.Hour, time.Hour, 40*time.Hour), nil
}

// spans are as long as on says, with as much between them as off says.
func spans(luck *rand.Rand, offMin, offMax, onMin, onMax time.Duration) (all Spans) {
	some := func(from, to time.Duration) time.Duration {
		return (from + time.Duration(luck.Int64N(int64(to-from)))).Truncate(Step)
	}
	for at := From.Add(some(offMin, offMax)); at.Before(To); at = at.Add(some(offMin, offMax)) {
		from := at
		at = at.Add(some(onMin, onMax))
		all = append(all, struct{ from, to time.Time }{from, at})
	}
	return all
}

// Outcome is what becomes of a run, whoever makes it.
func (h Host) Outcome(fire time.Time, attempt int) (lasts time.Duration, failed bool) {
	sum := fnv.New64a()
	fmt.Fprint(sum, h.Name, fire.Unix(), attempt)
	luck := rand.New(rand.NewPCG(sum.Sum64(), 0))
	lasts = Step * time.Duration(1+luck.IntN(12))
	if luck.IntN(10) == 0 {
		lasts += 3 * time.Hour
	}
	return lasts, luck.IntN(5) == 0
}

// Runs are those that there have to be.
func (h Host) Runs() (all []Run) {
	var due, dealt time.Time
	latest := wall(From, h.Zone)
	for at := From; at.Before(To); at = at.Add(Step) {
		shown := wall(at, h.Zone)
		if at.After(From) && h.due(latest, shown) {
			due = at
		}
		if shown.After(latest) {
			latest = shown
		}
		if h.Asleep.Holds(at) {
			continue
		}
		var last *Run
		if n := len(all); n > 0 {
			last = &all[n-1]
			if lasts, _ := h.Outcome(last.Fire, last.Attempt); last.Ended.IsZero() && !at.Before(last.Made.Add(lasts)) {
				last.Ended = at
			}
		}
		switch {
		case !due.IsZero():
			if at.Sub(due) <= h.CatchUp && (last == nil || !last.Ended.IsZero()) {
				all = append(all, h.run(due, at, 0))
			}
			due, dealt = time.Time{}, due
		case last != nil && h.again(*last, at, dealt):
			all = append(all, h.run(last.Fire, at, last.Attempt+1))
		}
	}
	return all
}

func (h Host) run(fire, at time.Time, attempt int) Run {
	_, failed := h.Outcome(fire, attempt)
	return Run{Fire: fire, Made: at, Attempt: attempt, Failed: failed}
}

// again: what failed is tried again, unless another run was due since it ended.
func (h Host) again(last Run, at, dealt time.Time) bool {
	return !last.Ended.IsZero() && last.Failed && last.Attempt < h.Retries &&
		!(last.Fire.Before(dealt) && last.Ended.Before(dealt)) &&
		!at.Before(last.Ended.Add(RetryDelay<<last.Attempt))
}

// wall is what a clock on the wall shows.
func wall(at time.Time, zone *time.Location) time.Time {
	shown := at.In(zone)
	year, month, day := shown.Date()
	return time.Date(year, month, day, shown.Hour(), shown.Minute(), 0, 0, time.UTC)
}

// due says whether what a clock shows, or has just left out, is a time of the
// schedule. latest is what it has ever shown.
func (h Host) due(latest, shown time.Time) bool {
	if h.elapsed {
		return slices.Contains(h.walls, shown.Format("15:04"))
	}
	for w := latest.Add(Step); !w.After(shown); w = w.Add(Step) {
		if slices.Contains(h.walls, w.Format("15:04")) {
			return true
		}
	}
	return false
}
