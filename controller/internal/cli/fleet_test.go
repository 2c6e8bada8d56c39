package cli

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"borgfleet/controller/internal/api/rest"
)

func host(name string, change func(*rest.Agent)) rest.Agent {
	a := rest.Agent{ID: "id-" + name, Name: name, Online: true, LastContactAt: rest.At(now()), Borg: []rest.Borg{{Path: "/usr/bin/borg", Version: ptr("1.4.0")}}}
	if change != nil {
		change(&a)
	}
	return a
}

func jobEvent(id string, j rest.JobStatus) sent {
	return sent{rest.EventJob, id, rest.Job{JobCore: j.JobCore}}
}

func listed(jobs ...rest.JobStatus) rest.JobList {
	list := rest.JobList{Jobs: []rest.Job{}}
	for _, j := range jobs {
		list.Jobs = append(list.Jobs, rest.Job{JobCore: j.JobCore})
	}
	return list
}

const (
	eventsAsked = "GET /api/events"
	agentsAsked = "GET /api/agents"
	jobsAsked   = "GET /api/backup/jobs"
)

func running(id int64) rest.JobStatus {
	return theJob(id, "running", func(j *rest.JobCore) {
		j.StartedAt = rest.At(now().Add(-90 * time.Second))
		j.ProgressDetails = rest.ProgressDetails{OriginalSize: 2e9, TotalExpectedSize: 5e9, TotalExpectedSource: "walk", ProgressPercent: 40.7, NFiles: 1200}
	})
}

func ended(id int64, status string) rest.JobStatus {
	return theJob(id, status, func(j *rest.JobCore) {
		j.CompletedAt, j.DurationSeconds = rest.At(now()), ptr(95.0)
		j.ProgressDetails = rest.ProgressDetails{OriginalSize: 5e9, DeduplicatedSize: 1e6, NFiles: 3000}
	})
}

// watched carries fleet watch out until its output holds enough.
func (f *fake) watched(enough string, args ...string) result {
	ctx, cancel := context.WithCancel(f.t.Context())
	defer cancel()
	return command(ctx, "", append([]string{"fleet", "watch", "--data-dir", f.socket}, args...), func(s string) {
		if strings.Contains(s, enough) {
			cancel()
		}
	})
}

// In a pipe: one line for each state, also when progress comes in between, the
// connection is cut and what is there is told anew.
func TestFleetLines(t *testing.T) {
	hosts := rest.AgentList{Agents: []rest.Agent{host("web1", nil), host("mail", func(a *rest.Agent) { a.Online = false })}}
	f := newFake(t, map[string][]answer{
		agentsAsked: {{200, hosts}, {503, rest.Problem{Status: 503, Detail: "stopping"}}, {200, hosts}},
		jobsAsked:   ok(listed(running(7), theJob(8, "pending", func(j *rest.JobCore) { j.WaitingFor = ptr("host busy") }))),
		eventsAsked: {
			cut(jobEvent("a-1", running(7)), sent{rest.EventAgent, "a-2", host("mail", nil)}, jobEvent("a-3", ended(7, "completed"))),
			{503, rest.Problem{Status: 503, Detail: "restarting"}},
			open(sent{rest.EventReset, "b-1", rest.Reset{Reason: "changes were missed"}}, jobEvent("b-2", ended(8, "failed"))),
		},
	})
	f.watched("job 8: backup of /srv/backups/web on web1: failed").want(t, 130, `2026-03-01 12:00:00  host mail: offline
2026-03-01 12:00:00  host web1: online
2026-03-01 12:00:00  job 7: backup of /srv/backups/web on web1: running
2026-03-01 12:00:00  job 8: backup of /srv/backups/web on web1: waiting: host busy
2026-03-01 12:00:00  host mail: online
2026-03-01 12:00:00  job 7: backup of /srv/backups/web on web1: completed: 3 000 files, 5.0 GB, 1.0 MB new
2026-03-01 12:00:00  host mail: offline
2026-03-01 12:00:00  job 7: backup of /srv/backups/web on web1: running
2026-03-01 12:00:00  job 8: backup of /srv/backups/web on web1: failed
`, `No answer since 2026-03-01 12:00:00; it is tried again: read events: unexpected EOF
The controller answers again.
No answer since 2026-03-01 12:00:00; it is tried again: stopping
The controller answers again.
`)
	if got, want := f.heard()[3], eventsAsked+"?type=agent&type=job a-3"; got != want {
		t.Errorf("asked %s, want %s", got, want)
	}
}

// For programs: everything that is there, then every change.
func TestFleetRows(t *testing.T) {
	f := newFake(t, map[string][]answer{
		agentsAsked: ok(rest.AgentList{Agents: []rest.Agent{host("web1", nil), host("mail", nil)}}),
		jobsAsked:   ok(listed(running(7))),
		eventsAsked: {open(jobEvent("a-1", running(7)), sent{rest.EventRemoved, "a-2", rest.Removed{JobID: ptr(int64(7))}})},
	})
	r := f.watched(`"removed"`, "-o", "json", "--agent", "web1")
	var got []string
	for row := range strings.SplitSeq(strings.TrimSpace(r.out), "\n") {
		var e struct {
			Event string
			Data  map[string]any
		}
		must(t, json.Unmarshal([]byte(row), &e))
		got = append(got, e.Event)
	}
	if want := "reset agent job job removed"; strings.Join(got, " ") != want || r.code != 130 || r.err != "" {
		t.Errorf("%s, want %s: %+v", got, want, r)
	}
	if asked := f.heard()[1]; asked != jobsAsked+"?agent=web1&kind="+strings.Join(kinds(everyKind), "&kind=")+"&limit=1000&status=pending&status=running" {
		t.Errorf("asked %s", asked)
	}
}

func TestFleetPicture(t *testing.T) {
	agents := rest.AgentList{Agents: []rest.Agent{host("web1", nil), host("mail", func(a *rest.Agent) {
		a.Online, a.LastContactAt = false, rest.At(now().Add(-time.Hour))
	}), host("db", func(a *rest.Agent) { a.Paused = true })}}
	answers := func() map[string][]answer {
		return map[string][]answer{
			agentsAsked: ok(agents),
			jobsAsked:   ok(listed(running(7), theJob(8, "pending", func(j *rest.JobCore) { j.WaitingFor = ptr("host busy") }), running(9))),
			eventsAsked: {open(jobEvent("a-1", ended(7, "completed")))},
		}
	}
	f := newFake(t, answers())
	screen, code := f.onTerminal(100, 24, "", "completed", "fleet", "watch")
	if want := `2026-03-01 12:00:00   3 hosts: 1 online, 1 paused, 1 offline   1 running, 1 waiting

HOST  TROUBLE
mail  it was last heard of 1h 00m ago

ID  KIND    AGENT  REPOSITORY        PROGRESS          TOOK  ABOUT
 9  backup  web1   /srv/backups/web  [####........]  1m 30s  40 %  2.0 GB of 5.0 GB  1 200 files
 8  backup  web1   /srv/backups/web  -                    -  waiting: host busy

ID  KIND    AGENT  REPOSITORY        ENDED        TOOK  ABOUT
 7  backup  web1   /srv/backups/web  completed  1m 35s  3 000 files, 5.0 GB, 1.0 MB new`; code != 130 || screen != want {
		t.Errorf("%d\n%s\nwant\n%s", code, screen, want)
	}
	f = newFake(t, answers())
	screen, code = f.onTerminal(50, 24, "", "completed", "fleet", "watch")
	for row := range strings.SplitSeq(screen, "\n") {
		if len([]rune(row)) > 50 {
			t.Errorf("%q does not fit", row)
		}
	}
	if code != 130 || !strings.Contains(screen, "[####........]") {
		t.Errorf("%d\n%s", code, screen)
	}
}

// The picture stays when the controller goes, with a note, and nothing is shown
// for a fleet that was never seen.
func TestFleetPictureOfAnAbsentController(t *testing.T) {
	f := newFake(t, map[string][]answer{
		agentsAsked: ok(rest.AgentList{Agents: []rest.Agent{host("web1", nil)}}),
		jobsAsked:   ok(listed()),
		eventsAsked: {cut(), {503, rest.Problem{Status: 503, Detail: "restarting"}}},
	})
	screen, code := f.onTerminal(100, 24, "", "restarting", "fleet", "watch")
	if code != 130 || !strings.HasPrefix(screen, "No answer since 2026-03-01 12:00:00; it is tried again: restarting\n2026-03-01 12:00:00   1 host: 1 online   0 running, 0 waiting\n") {
		t.Errorf("%d\n%s", code, screen)
	}
	newFake(t, map[string][]answer{eventsAsked: {{503, rest.Problem{Status: 503, Detail: "stopping"}}}}).
		command("", "fleet", "watch").want(t, 3, "", "borgfleet-controller: stopping\n")
	newFake(t, map[string][]answer{eventsAsked: {cut()}, agentsAsked: {{403, rest.Problem{Status: 403, Detail: "not you"}}}, jobsAsked: ok(listed())}).
		command("", "fleet", "watch").want(t, 3, "", "borgfleet-controller: not you\n")
}

// TestStaleSaysWhenSomethingIs: whoever has a monitor call it reads only its help.
func TestStaleSaysWhenSomethingIs(t *testing.T) {
	f := newFake(t, nil)
	for _, name := range []string{"stale", "hosts"} {
		r := f.command("", "fleet", name, "--help")
		if text := strings.Join(strings.Fields(r.out), " "); r.code != 0 || !strings.Contains(text, "after it was due, a backup has two hours") {
			t.Errorf("%s: %+v", name, r)
		}
	}
}
