package plan

import (
	"encoding/json"
	"strings"
	"testing"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/shared/definitions"
	"borgfleet/shared/job"
)

func agents() []rest.Agent {
	return []rest.Agent{
		{ID: "a1", Name: "web1", Labels: map[string]string{"role": "web"}},
		{ID: "a2", Name: "web2", Labels: map[string]string{"role": "web"}},
		{ID: "a3", Name: "gone", Labels: map[string]string{"role": "web"}, Revoked: true},
	}
}

// fields are a body of REST as a client hears it.
func fields(t *testing.T, body any) client.Fields {
	t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	var f client.Fields
	if err := json.Unmarshal(data, &f); err != nil {
		t.Fatal(err)
	}
	return f
}

// usual is a registration of which nothing was said.
func usual(id int64, agent, agentID, name, path string) rest.Repository {
	return rest.Repository{
		ID: id, Name: name, Path: path, Agent: agent, AgentID: agentID, Status: "ready",
		SourceDirectories: []string{"/etc"}, ExcludePatterns: []string{}, ExcludeIfPresent: []string{},
		LockWait: 600, FileLog: "none", ArchiveNameFormat: job.DefaultArchiveName, MatchArchives: "web1-web-*",
	}
}

const web = `repositories:
  - name: web
    path: /srv/{agent}
    for: {label: role=web}
    encryption: none
    source_directories: [/etc]
`

const nightly = `schedules:
  - name: nightly
    cron_expression: 30 2 * * *
    repositories: [web]
`

// usualSchedule is one of which nothing more was said.
func usualSchedule(ids ...int64) rest.Schedule {
	return rest.Schedule{ID: 9, Name: "nightly", CronExpression: "30 2 * * *", RepositoryIDs: ids, Enabled: true, CatchUp: 86400, Overlap: "skip", RetryDelay: 300}
}

func weekly(enabled bool, ids ...int64) rest.Schedule {
	s := usualSchedule(ids...)
	s.ID, s.Name, s.Enabled = 10, "weekly", enabled
	return s
}

// outline is a plan in short.
func outline(p Plan) string {
	var out []string
	for _, c := range p.Changes {
		line := c.What + " " + c.Name + " " + c.Agent + " " + string(c.Action)
		for _, d := range c.Differences {
			line += "; " + d.Field + " " + strings.ReplaceAll(d.String(), "\n", " ")
		}
		for _, name := range c.Unscheduled {
			line += "; no schedule for " + name
		}
		out = append(out, strings.Join(strings.Fields(line), " "))
	}
	for _, r := range p.Unmatched {
		out = append(out, "unmatched "+r.Name+" "+r.For.Label)
	}
	for _, s := range p.Idle {
		line := "idle " + s.What + " " + s.Name
		if s.There {
			line += ", there"
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}

func TestMake(t *testing.T) {
	there := func(change func(*rest.Repository)) []rest.Repository {
		a, b := usual(1, "web1", "a1", "web", "/srv/web1"), usual(2, "web2", "a2", "web", "/srv/web2")
		if change != nil {
			change(&a)
		}
		return []rest.Repository{a, b}
	}
	for name, tt := range map[string]struct {
		file         string
		repositories []rest.Repository
		schedules    []rest.Schedule
		want         string
	}{
		"nothing there": {web + nightly, nil, nil, "repository web web1 create\nrepository web web2 create\nschedule nightly create"},
		"all there":     {web + nightly, there(nil), []rest.Schedule{usualSchedule(1, 2)}, "repository web web1 unchanged\nrepository web web2 unchanged\nschedule nightly unchanged"},
		"one is new":    {web + nightly, there(nil)[:1], []rest.Schedule{usualSchedule(1)}, "repository web web1 unchanged\nrepository web web2 create\nschedule nightly change; repositories + web on web2"},
		"taken over":    {strings.ReplaceAll(web, "encryption: none", "existing: true"), nil, nil, "repository web web1 take over\nrepository web web2 take over"},
		"failed counts for nothing": {web, there(func(r *rest.Repository) { r.Status = "failed" }), nil,
			"repository web web1 create\nrepository web web2 unchanged"},
		"the same place in other words": {strings.ReplaceAll(web, "/srv/{agent}", "ssh://H:22//srv/{agent}"),
			[]rest.Repository{usual(1, "web1", "a1", "web", "ssh://h/srv/web1")}, nil, "repository web web1 unchanged\nrepository web web2 create"},
		"fields": {web, there(func(r *rest.Repository) {
			z := "zstd,3"
			r.Name, r.Compression, r.ExcludePatterns, r.SourceDirectories, r.OneFileSystem, r.LockWait = "old", &z, []string{"*.x"}, []string{"/srv", "/etc"}, true, 60
		}), nil, "repository web web1 change; compression zstd,3 → lz4; exclude_patterns - *.x; lock_wait 60 → 600; name old → web; one_file_system yes → no; source_directories - /srv\nrepository web web2 unchanged"},
		"order of a list": {strings.ReplaceAll(web, "[/etc]", "[/etc, /srv]"), there(func(r *rest.Repository) { r.SourceDirectories = []string{"/srv", "/etc"} })[:1], nil,
			"repository web web1 change; source_directories in another order\nrepository web web2 create"},
		"match_archives is left alone": {web, there(func(r *rest.Repository) { r.MatchArchives = "x-*" }), nil, "repository web web1 unchanged\nrepository web web2 unchanged"},
		"match_archives":               {web + "    match_archives: y-*\n", there(nil), nil, "repository web web1 change; match_archives web1-web-* → y-*\nrepository web web2 change; match_archives web1-web-* → y-*"},
		"retention":                    {web + "    retention: {keep_daily: 7, keep_within: 2d}\n", there(nil)[:1], nil, "repository web web1 change; retention none → keep_daily 7, keep_within 2d\nrepository web web2 create"},
		"hooks":                        {web + "    hooks: {before: [dump]}\n", there(nil)[:1], nil, "repository web web1 change; hooks none → before dump\nrepository web web2 create"},
		"schedule": {web + nightly + "    timezone: UTC\n    splay: 1h\n    enabled: false\n    run_prune_after: true\n    prune_keep_daily: 7\n", there(nil), []rest.Schedule{usualSchedule(2, 1)},
			"repository web web1 unchanged\nrepository web web2 unchanged\nschedule nightly change; enabled yes → no; prune_keep_daily none → 7; run_prune_after no → yes; splay none → 3600; timezone none → UTC"},
		"a schedule that was paused": {web + nightly, there(nil), func() []rest.Schedule { s := usualSchedule(1, 2); s.Enabled = false; return []rest.Schedule{s} }(),
			"repository web web1 unchanged\nrepository web web2 unchanged\nschedule nightly unchanged"},
		"fewer repositories": {web + nightly, append(there(nil), usual(3, "web2", "a2", "more", "/srv/more")), []rest.Schedule{usualSchedule(1, 2, 3, 4)},
			"repository web web1 unchanged\nrepository web web2 unchanged\nschedule nightly change; repositories - more on web2 - id 4; no schedule for more on web2"},
		"fewer, and another schedule has it": {web + nightly, append(there(nil), usual(3, "web2", "a2", "more", "/srv/more")), []rest.Schedule{usualSchedule(1, 2, 3), weekly(true, 3)},
			"repository web web1 unchanged\nrepository web web2 unchanged\nschedule nightly change; repositories - more on web2"},
		"fewer, and another schedule that was paused has it": {web + nightly, append(there(nil), usual(3, "web2", "a2", "more", "/srv/more")), []rest.Schedule{usualSchedule(1, 2, 3), weekly(false, 3)},
			"repository web web1 unchanged\nrepository web web2 unchanged\nschedule nightly change; repositories - more on web2; no schedule for more on web2"},
		"from one schedule to another": {web + nightly + "  - {name: weekly, cron_expression: 0 1 * * 0, repositories: [more]}\n", append(there(nil), usual(3, "web2", "a2", "more", "/srv/more")), []rest.Schedule{usualSchedule(1, 2, 3)},
			"repository web web1 unchanged\nrepository web web2 unchanged\nschedule nightly change; repositories - more on web2\nschedule weekly create"},
		"no host any more": {strings.ReplaceAll(web, "role=web", "role=db") + nightly, there(nil), []rest.Schedule{usualSchedule(1, 2)}, "unmatched web role=db\nidle schedule nightly, there"},
		"no host":          {strings.ReplaceAll(web, "role=web", "role=db") + nightly, there(nil), nil, "unmatched web role=db\nidle schedule nightly"},
		"no host for one of two": {web + strings.NewReplacer("repositories:\n", "", "role=web", "role=db", "name: web", "name: db", "/srv/", "/db/").Replace(web), there(nil), nil,
			"repository web web1 unchanged\nrepository web web2 unchanged\nunmatched db role=db"},
		"by names of the fleet": {strings.ReplaceAll(nightly, "[web]", `["of {agent}"]`), []rest.Repository{usual(5, "web1", "a1", "of web1", "/x"), usual(6, "web2", "a2", "of web1", "/x")}, nil,
			"schedule nightly create"},
	} {
		f, err := definitions.Parse([]byte(tt.file))
		if err != nil {
			t.Fatal(name, err)
		}
		fleet := Fleet{Agents: agents()}
		for _, r := range tt.repositories {
			fleet.Repositories = append(fleet.Repositories, fields(t, r))
		}
		for _, s := range tt.schedules {
			fleet.Schedules = append(fleet.Schedules, fields(t, s))
		}
		p, err := Make(f, fleet)
		if err != nil || outline(p) != tt.want {
			t.Errorf("%s: %v\n%s\nwant\n%s", name, err, outline(p), tt.want)
		}
		if p.Some() != (strings.Contains(tt.want, " create") || strings.Contains(tt.want, " change") || strings.Contains(tt.want, " take over")) {
			t.Errorf("%s: something is to be done: %v", name, p.Some())
		}
	}
}

func TestRefused(t *testing.T) {
	for name, tt := range map[string]struct{ file, want string }{
		"a path cannot change": {strings.ReplaceAll(web, "/srv/", "/new/"), "web1 has a repository of this name at /srv/web1, and a path cannot be changed"},
		"nor the encryption":   {strings.ReplaceAll(web, "none", "authenticated\n    passphrase: {file: x}"), "its encryption on web1 is repokey, which cannot become authenticated"},
		"nobody has it":        {strings.ReplaceAll(nightly, "[web]", "[wbe]"), "schedule nightly: neither the file nor the fleet has a repository wbe"},
		"who is revoked":       {strings.ReplaceAll(web, "{label: role=web}", "{agents: [gone]}"), `no host of the fleet has the name or id "gone"`},
	} {
		f, err := definitions.Parse([]byte(tt.file))
		if err != nil {
			t.Fatal(name, err)
		}
		r := usual(1, "web1", "a1", "web", "/srv/web1")
		mode := "repokey"
		r.Encryption = &mode
		if _, err := Make(f, Fleet{Agents: agents(), Repositories: []client.Fields{fields(t, r)}}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRequest: what says nothing is not sent, so that the controller's defaults are.
func TestRequest(t *testing.T) {
	f, err := definitions.Parse([]byte(web + "    lock_wait: 5m\n    one_file_system: true\n    retention: {keep_daily: 7}\n"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := Make(f, Fleet{Agents: agents()[:1]})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"agent":"a1","encryption":"none","lock_wait":300,"name":"web","one_file_system":true,"path":"/srv/web1","retention":{"keep_daily":7},"source_directories":["/etc"]}`
	if got := text(p.Changes[0].Fields); got != want {
		t.Errorf("it sends %s", got)
	}
}

// TestNeverCatchingUp: 0 says something of a new schedule.
func TestNeverCatchingUp(t *testing.T) {
	f, err := definitions.Parse([]byte(web + nightly + "    catch_up: 0\n"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := Make(f, Fleet{Agents: agents()})
	if err != nil || text(p.Changes[2].Fields["catch_up"]) != "0" {
		t.Errorf("%v, %+v", err, p.Changes[2].Fields)
	}
}

func TestResolve(t *testing.T) {
	f, err := definitions.Parse([]byte(web + nightly))
	if err != nil {
		t.Fatal(err)
	}
	p, err := Make(f, Fleet{Agents: agents(), Repositories: []client.Fields{fields(t, usual(1, "web1", "a1", "web", "/srv/web1"))}})
	if err != nil {
		t.Fatal(err)
	}
	c := p.Changes[2]
	if err := c.Resolve(func(Use) int64 { return 0 }); err == nil || err.Error() != "web on web2 was not registered" {
		t.Error(err)
	}
	err = c.Resolve(func(u Use) int64 {
		if u != (Use{Agent: "a2", Path: "/srv/web2", Name: "web on web2"}) {
			t.Errorf("asked for %+v", u)
		}
		return 7
	})
	if got := text(c.Fields["repository_ids"]); err != nil || got != "[1,7]" {
		t.Error(got, err)
	}
}

// TestReferencesToTheFleet: what no entry of the file makes is what the fleet has under
// the name, of hosts that can be given anything.
func TestReferencesToTheFleet(t *testing.T) {
	failed := usual(6, "web1", "a1", "late", "/late")
	failed.Status = "failed"
	var fleet Fleet
	fleet.Agents = agents()
	for _, r := range []rest.Repository{
		usual(1, "web1", "a1", "data", "/1"), usual(2, "web2", "a2", "data", "/2"), usual(3, "gone", "a3", "data", "/3"),
		usual(4, "web1", "a1", "of web1", "/4"), usual(5, "web2", "a2", "of web1", "/5"), failed,
	} {
		fleet.Repositories = append(fleet.Repositories, fields(t, r))
	}
	for refs, want := range map[string]string{
		"[data]": "[1,2]", "[{name: data, agent: web2}]": "[2]", "[{name: data, agent: a2}]": "[2]", "[{name: data, agent: gone}]": "data on gone", "[{name: data, agent: a3}]": "data on a3",
		`["of {agent}"]`: "[4]", `[{name: "of {agent}", agent: web1}]`: "[4]", `[{name: "of {agent}", agent: a1}]`: "[4]", `[{name: "of {agent}", agent: web2}]`: "of {agent} on web2", "[of web1]": "[4,5]",
		`[{name: "{agent}data", agent: nobody}]`: "{agent}data on nobody", "[late]": "late", "[data, {name: data, agent: a1}, of web1]": "[1,2,4,5]",
	} {
		f, err := definitions.Parse([]byte(strings.ReplaceAll(nightly, "[web]", refs)))
		if err != nil {
			t.Fatal(refs, err)
		}
		p, err := Make(f, fleet)
		if err != nil {
			if err.Error() != "schedule nightly: neither the file nor the fleet has a repository "+want {
				t.Errorf("%s: %v", refs, err)
			}
			continue
		}
		var ids []int64
		for _, u := range p.Changes[0].Uses {
			ids = append(ids, u.ID)
		}
		if text(ids) != want {
			t.Errorf("%s: %s, want %s", refs, text(ids), want)
		}
	}
}
