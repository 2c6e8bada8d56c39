package fleet

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"borgfleet/shared/job"
	"borgfleet/shared/schedule"
)

// TestStaleness goes by the newest good archive and by when one was due.
func TestStaleness(t *testing.T) {
	r := newRig(t)
	day := r.clock().UTC().Truncate(24 * time.Hour).Add(24 * time.Hour)
	r.set(day.Add(-time.Hour))
	p := r.agent("host")
	nightly := r.repository(p, "/nightly")
	r.repository(p, "/manual")
	p.connect("s1")
	def := schedule.Schedule{Name: "a", Cron: "0 2 * * *", Zone: "UTC", Enabled: true, Overlap: schedule.OverlapSkip, RetryDelay: time.Minute}
	v := r.schedule(def, nightly)
	look := func(q HostQuery) map[string]HostView {
		t.Helper()
		all, err := r.s.Hosts(t.Context(), q)
		must(t, err)
		by := map[string]HostView{}
		for _, h := range all {
			by[h.Name] = h
		}
		return by
	}
	wants := func(what string, stale bool, why string) {
		t.Helper()
		h := look(HostQuery{})["/nightly"]
		if h.Stale != stale || !strings.Contains(h.Why, why) {
			t.Errorf("%s: stale %v because %q (expected at %s)", what, h.Stale, h.Why, h.ExpectedAt)
		}
	}
	at := func(d, h int) time.Time { return day.AddDate(0, 0, d).Add(time.Duration(h) * time.Hour) }
	wants("before the first is due", false, "")
	r.set(at(0, 3))
	wants("it may be on its way", false, "")
	r.set(at(0, 5))
	wants("none was ever made", true, "there is no good backup")
	made := func(d int, change func(*job.Verdict)) {
		t.Helper()
		j := p.fires(v, nightly, at(d, 2), ends(at(d, 2), at(d, 3), 0, change))
		r.await("the index", func() bool { last := r.st.LastJobs(nightly.ID).Job; return last.ID == j.ID && last.Status.Final() })
	}
	made(0, nil)
	wants("it was made", false, "")
	r.set(at(1, 5))
	wants("the next one may take as long, twice", false, "")
	if h := look(HostQuery{})["/nightly"]; !h.NextRun.Equal(at(2, 2)) || !h.Scheduled || h.Job.Status != job.Completed {
		t.Errorf("%+v", h)
	}
	made(1, func(v *job.Verdict) { v.Status = job.Failed })
	r.set(at(1, 7))
	wants("one that failed is none", true, "no good backup since")
	if h := look(HostQuery{})["/nightly"]; h.Job.Status != job.Failed || !h.Good.CreatedAt.Equal(at(0, 2)) {
		t.Errorf("%+v", h)
	}
	if stale := look(HostQuery{StaleOnly: true}); len(stale) != 1 {
		t.Errorf("%+v", stale)
	}
	if by := look(HostQuery{MaxAge: 48 * time.Hour}); by["/nightly"].Stale {
		t.Errorf("it is not two days old: %+v", by["/nightly"])
	}
	if h := look(HostQuery{MaxAge: time.Hour})["/manual"]; !h.Stale || h.Scheduled {
		t.Errorf("it was never backed up: %+v", h)
	}
	if h := look(HostQuery{})["/manual"]; h.Stale {
		t.Errorf("nothing is expected of it: %+v", h)
	}
	if none := look(HostQuery{Label: "role=db"}); len(none) != 0 {
		t.Errorf("%+v", none)
	}
	_, err := r.s.Hosts(t.Context(), HostQuery{Agent: "nobody"})
	refusedAs(t, "nobody", err, "invalid_request")

	sum, err := r.s.Summary(t.Context())
	must(t, err)
	if sum.Agents != 1 || sum.Online != 1 || sum.Repositories != 2 || sum.Stale != 1 || sum.Unscheduled != 1 || len(sum.Next) != 1 || sum.Spans[1].ByStatus[job.Failed] != 1 || sum.Spans[1].ByStatus[job.Completed] != 1 {
		t.Errorf("%+v", sum)
	}
	must(t, errOf(r.s.ChangeSchedule(t.Context(), v.ID, func(d schedule.Schedule, at []int64) (schedule.Schedule, []int64) {
		d.Enabled = false
		return d, at
	})))
	wants("paused, nothing is expected", false, "")
	if by := look(HostQuery{}); !by["/nightly"].Paused || by["/manual"].Paused {
		t.Errorf("paused: %v, and what no schedule has: %v", by["/nightly"].Paused, by["/manual"].Paused)
	}
}

// staleFrom says which of the hours from one on the only repository is stale in:
// each change of mind, by hours after from.
func (r *rig) staleFrom(from time.Time, hours int) (changes []string) {
	r.t.Helper()
	stale := false
	for h := range hours {
		r.set(from.Add(time.Duration(h) * time.Hour))
		all, err := r.s.Hosts(r.t.Context(), HostQuery{})
		must(r.t, err)
		if all[0].Stale != stale {
			stale = !stale
			changes = append(changes, fmt.Sprintf("%v at %d", stale, h))
		}
	}
	return changes
}

// TestStaleStaysStale until there is a good backup, however often the schedule is
// due, and however late the last one began.
func TestStaleStaysStale(t *testing.T) {
	for _, c := range []struct {
		name, cron string
		made       bool // the first one at 20:00, in half an hour
		want       string
	}{
		{"nightly, never made", "0 2 * * *", false, "true at 4"},
		{"hourly, never made", "0 * * * *", false, "true at 2"},
		{"each quarter of an hour, never made", "*/15 * * * *", false, "true at 2"},
		{"nightly, made up for late, then no more", "0 2 * * *", true, "true at 29"},
		{"hourly, made once", "0 * * * *", true, "true at 6"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			day := r.clock().UTC().Truncate(24 * time.Hour).Add(24 * time.Hour)
			r.set(day.Add(-time.Minute))
			p := r.agent("host")
			repo := r.repository(p, "/r")
			p.connect("s1")
			def := nightly("a")
			def.Cron = c.cron
			v := r.schedule(def, repo)
			if c.made {
				begun := day.Add(20 * time.Hour)
				r.set(begun.Add(time.Hour))
				j := p.fires(v, repo, day.Add(2*time.Hour), ends(begun, begun.Add(30*time.Minute), 0, nil))
				r.await("the index", func() bool { return r.st.LastJobs(repo.ID).Good.ID == j.ID })
			}
			if got := strings.Join(r.staleFrom(day, 12*24), ", "); got != c.want {
				t.Errorf("stale: %s; want %s", got, c.want)
			}
		})
	}
}
