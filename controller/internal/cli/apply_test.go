package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/shared/job"
	"borgfleet/shared/seal"
)

const twoHosts = `repositories:
  - name: "{agent}"
    path: ssh://bk@h/{agent}
    for: {label: role=web}
    encryption: repokey
    passphrase: {file: "pass/{agent}"}
    source_directories: [/etc]
schedules:
  - name: nightly
    cron_expression: 30 2 * * *
    repositories: ["{agent}"]
`

// applied is a fleet of two hosts and a file that is for both.
type applied struct {
	*fake
	file     string
	keys     map[string]*seal.Identity
	recovery *seal.Identity
}

func newApplied(t *testing.T, more map[string][]answer) applied {
	a := applied{keys: map[string]*seal.Identity{}}
	var agents []rest.Agent
	for _, name := range []string{"web1", "web2"} {
		id, err := seal.NewIdentity()
		must(t, err)
		a.keys[name] = id
		agents = append(agents, rest.Agent{ID: "id-" + name, Name: name, Labels: map[string]string{"role": "web"}, AgeRecipient: ptr(id.Recipient())})
	}
	recovery, err := seal.NewIdentity()
	must(t, err)
	a.recovery = recovery
	answers := map[string][]answer{
		"GET /api/agents": ok(rest.AgentList{Agents: agents}), "GET /api/repositories": ok(rest.RepositoryList{}), "GET /api/schedule": ok(rest.ScheduleList{}),
		"GET /api/fleet/recovery-key": ok(rest.RecoveryKey{Recipient: recovery.Recipient()}),
	}
	for name, answer := range more {
		answers[name] = answer
	}
	a.fake = newFake(t, answers)
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "pass"), 0o700))
	for name := range a.keys {
		must(t, os.WriteFile(filepath.Join(dir, "pass", name), []byte(phrase+" of "+name+"\n"), 0o600))
	}
	a.file = filepath.Join(dir, "fleet.yaml")
	must(t, os.WriteFile(a.file, []byte(twoHosts), 0o600))
	return a
}

// posted are the requests that change something.
func (a applied) posted() (out []string) {
	for _, asked := range a.heard() {
		if !strings.HasPrefix(asked, "GET ") {
			out = append(out, asked)
		}
	}
	return out
}

func TestApplyMakesAll(t *testing.T) {
	a := newApplied(t, map[string][]answer{
		"POST /api/repositories": ok(rest.Repository{ID: 4, Status: "ready"}, rest.Repository{ID: 5, Status: "pending"}),
		"POST /api/schedule":     ok(rest.Schedule{ID: 1}),
	})
	r := a.command("", "apply", a.file, "--yes", "--accept-new-keys")
	if want := "repository web1 on web1: new, at ssh://bk@h/web1\nrepository web2 on web2: new, at ssh://bk@h/web2\nschedule nightly: new, 30 2 * * * (each host's time zone), for web1 on web1, web2 on web2\n" +
		"the key of web1 is not known here yet: compare " + a.keys["web1"].Fingerprint() + " (enroll showed it on that host)\n" +
		"the fleet's recovery key is not known here yet: compare " + a.recovery.Fingerprint() + " (its private half is with you: age-keygen -y gives its public half, which borgfleet-controller fleet recovery-key show has with the fingerprint)\n" +
		"the key of web2 is not known here yet: compare " + a.keys["web2"].Fingerprint() + " (enroll showed it on that host)\n0 unchanged\n"; r.code != 0 || r.out != want {
		t.Errorf("%+v", r)
	}
	if !strings.Contains(r.err, "repository web1 on web1: made\n") || !strings.Contains(r.err, "repository web2 on web2: registered; the host has not answered yet\n") || !strings.Contains(r.err, "schedule nightly: made\n") {
		t.Error(r.err)
	}
	posted := a.posted()
	if len(posted) != 3 {
		t.Fatal(posted)
	}
	for i, name := range []string{"web1", "web2"} {
		body, _ := strings.CutPrefix(posted[i], "POST /api/repositories ")
		var req rest.RepositoryRequest
		must(t, json.Unmarshal([]byte(body), &req))
		open, err := seal.Open(a.keys[name], "id-"+name, job.Location("ssh://bk@h/"+name, "id-"+name), req.PassphraseSealed)
		if err != nil || string(open) != phrase+" of "+name || strings.Contains(body, phrase) {
			t.Errorf("%s finds %q, %v in %s", name, open, err, body)
		}
	}
	if want := `"repository_ids":[4,5]`; !strings.HasPrefix(posted[2], "POST /api/schedule ") || !strings.Contains(posted[2], want) {
		t.Error(posted[2])
	}
}

func TestApplyOnlyShows(t *testing.T) {
	a := newApplied(t, nil)
	if r := a.command("", "apply", a.file, "--dry-run"); r.code != 5 || !strings.Contains(r.out, "repository web2 on web2: new") {
		t.Errorf("%+v", r)
	}
	r := a.command("", "apply", a.file, "--dry-run", "-o", "json")
	var shown struct {
		Changes []struct{ What, Name, Agent, Action string }
	}
	if err := json.Unmarshal([]byte(r.out), &shown); err != nil || r.code != 5 || len(shown.Changes) != 3 || shown.Changes[1].Action != "create" || shown.Changes[1].Agent != "web2" {
		t.Errorf("%v, %+v", err, r)
	}
	must(t, os.RemoveAll(filepath.Join(filepath.Dir(a.file), "pass")))
	for _, tt := range []struct {
		code int
		more []string
	}{{2, []string{"--yes", "--accept-new-keys"}}, {1, []string{"--dry-run"}}} {
		r := a.command("", append([]string{"apply", a.file}, tt.more...)...)
		for _, host := range []string{"web1", "web2"} {
			if r.code != tt.code || !strings.Contains(r.err, "repository "+host+" on "+host+": read passphrase: open ") {
				t.Errorf("%+v", r)
			}
		}
	}
	if posted := a.posted(); len(posted) > 0 {
		t.Error(posted)
	}
}

// TestApplyForNoHost: a label that is written wrong looks like a file that is applied
// already, unless something is said.
func TestApplyForNoHost(t *testing.T) {
	a := newApplied(t, nil)
	must(t, os.WriteFile(a.file, []byte(strings.ReplaceAll(twoHosts, "role=web", "role=wbe")), 0o600))
	a.command("", "apply", a.file, "--yes").want(t, 0, "repository {agent}: no host has the label role=wbe; it is made for each that gets it, by the next apply\n"+
		"schedule nightly: no host has what it is for yet; it is made when one has\n0 unchanged: nothing to do\n", "")
	a.command("", "apply", a.file, "--dry-run", "-o", "json").want(t, 0, `{
  "changes": [],
  "new_keys": [],
  "no_host_yet": [
    "nightly"
  ],
  "not_compared": [],
  "rules_no_host_yet": [],
  "rules_unmatched": [],
  "unmatched": [
    "{agent}"
  ]
}
`, "")
}

// TestApplyRuleForNoHost: of a rule, too, a label may be written wrong.
func TestApplyRuleForNoHost(t *testing.T) {
	a := newApplied(t, map[string][]answer{
		"GET /api/notifications/channels":            ok(rest.ChannelList{Channels: []rest.Channel{{ID: 1, Name: "ops", Type: "ntfy"}}}),
		"GET /api/notifications/rules":               ok(rest.RuleList{}),
		"GET /api/notifications/channels/1/settings": ok(rest.ChannelSettings{}),
	})
	const rule = "notifications:\n  rules:\n    - {name: typo, events: [failure], channels: [ops], labels: [role=wbe, role=web]}\n"
	if r := a.command(rule, "apply", "-", "--dry-run"); r.code != 5 || !strings.Contains(r.out, "rule typo: no host has the label role=wbe; it is about each that gets it\n") || strings.Contains(r.out, "role=web;") {
		t.Errorf("%+v", r)
	}
	if r := a.command(rule, "apply", "-", "--dry-run", "-o", "json"); !strings.Contains(strings.Join(strings.Fields(r.out), " "), `"rules_unmatched": [ "typo" ]`) {
		t.Errorf("%+v", r)
	}
}

// TestApplyShowsWhatNothingBacksUp: a host without its label is in no schedule any more,
// and the last one stays in it.
func TestApplyShowsWhatNothingBacksUp(t *testing.T) {
	a := newApplied(t, map[string][]answer{
		"GET /api/repositories": ok(rest.RepositoryList{Repositories: []rest.Repository{onWeb(4, "web1"), onWeb(5, "web2")}}),
		"GET /api/schedule":     ok(rest.ScheduleList{Schedules: []rest.Schedule{{ID: 3, Name: "nightly", CronExpression: "30 2 * * *", RepositoryIDs: []int64{4, 5}, Enabled: true, CatchUp: 86400, Overlap: "skip", RetryDelay: 300}}}),
	})
	only := func(hosts string) string { return strings.ReplaceAll(twoHosts, "{label: role=web}", hosts) }
	if r := a.command(only("{agents: [web1]}"), "apply", "-", "--dry-run"); r.code != 5 || !strings.Contains(r.out, "- web2 on web2\n    web2 on web2 is backed up by no schedule then\n") {
		t.Errorf("%+v", r)
	}
	if r := a.command(only("{agents: [web1]}"), "apply", "-", "--dry-run", "-o", "json"); !strings.Contains(strings.Join(strings.Fields(r.out), " "), `"unscheduled": [ "web2 on web2" ]`) {
		t.Errorf("%+v", r)
	}
	if r := a.command(only("{label: role=none}"), "apply", "-", "--dry-run"); r.code != 0 || !strings.Contains(r.out, "schedule nightly: no host has what it is for now; it stays as it is\n") {
		t.Errorf("%+v", r)
	}
}

func TestApplyAsks(t *testing.T) {
	a := newApplied(t, nil)
	if r := a.command("apply\n", "apply", a.file); r.code != 2 || !strings.Contains(r.err, "This makes 3. Nothing is deleted. Nothing was done: nobody can be asked here, and a passphrase would be sealed to what is not known here yet, the key of web1 (") || !strings.Contains(r.err, "Compare each, and add --yes --accept-new-keys, or apply on a terminal\n") {
		t.Errorf("%+v", r)
	}
	if posted := a.posted(); len(posted) > 0 {
		t.Error(posted)
	}
}

func TestApplyTwice(t *testing.T) {
	there := func(id int64, name string, sources ...string) rest.Repository {
		return rest.Repository{ID: id, Name: name, Path: "ssh://bk@h/" + name, Agent: name, AgentID: "id-" + name, Status: "ready", SourceDirectories: sources, LockWait: 600, FileLog: "none", ArchiveNameFormat: job.DefaultArchiveName}
	}
	schedule := rest.Schedule{ID: 3, Name: "nightly", CronExpression: "30 2 * * *", RepositoryIDs: []int64{4, 5}, Enabled: true, CatchUp: 86400, Overlap: "skip", RetryDelay: 300}
	answers := map[string][]answer{
		"GET /api/repositories": ok(rest.RepositoryList{Repositories: []rest.Repository{there(4, "web1", "/etc"), there(5, "web2", "/etc")}}),
		"GET /api/schedule":     ok(rest.ScheduleList{Schedules: []rest.Schedule{schedule}}),
	}
	a := newApplied(t, answers)
	for _, more := range [][]string{{}, {"--dry-run"}, {"--yes"}} {
		a.command("", append([]string{"apply", a.file}, more...)...).want(t, 0, "3 unchanged: nothing to do\n", "")
	}
	schedule.Splay, schedule.RepositoryIDs = 60, []int64{4}
	answers["GET /api/repositories"] = ok(rest.RepositoryList{Repositories: []rest.Repository{there(4, "web1", "/etc"), there(5, "web2", "/etc", "/old\x1b")}})
	answers["GET /api/schedule"] = ok(rest.ScheduleList{Schedules: []rest.Schedule{schedule}})
	answers["PUT /api/repositories/5"] = ok(there(5, "web2"))
	answers["PUT /api/schedule/3"] = ok(schedule)
	a = newApplied(t, answers)
	a.command("", "apply", a.file, "--yes").want(t, 0,
		"repository web2 on web2: change\n    source_directories  - /old\\x1b\nschedule nightly: change\n    splay         60 → none\n    repositories  + web2 on web2\n1 unchanged\n",
		"repository web2 on web2: changed\nschedule nightly: changed\n")
	if got := strings.Join(a.posted(), "\n"); got != "PUT /api/repositories/5 {\"source_directories\":[\"/etc\"]}\nPUT /api/schedule/3 {\"repository_ids\":[4,5],\"splay\":0}" {
		t.Error(got)
	}
}

// TestApplyRefusesKeysThatNobodyCompared: a controller that was taken over makes up
// a host with the label that the file is for. It gets no passphrase unasked.
func TestApplyRefusesKeysThatNobodyCompared(t *testing.T) {
	made := map[string][]answer{"POST /api/repositories": ok(rest.Repository{ID: 4, Status: "ready"}), "POST /api/schedule": ok(rest.Schedule{ID: 1}), "PUT /api/schedule/1": ok(rest.Schedule{ID: 1})}
	a := newApplied(t, made)
	own := strings.ReplaceAll(twoHosts, "{label: role=web}", "{agents: [web1]}")
	own = strings.ReplaceAll(own, `{file: "pass/{agent}"}`, "{env: FLEET_PASS}")
	t.Setenv("FLEET_PASS", phrase)
	apply := func(text string, more ...string) result {
		return a.command(text, append([]string{"apply", "-"}, more...)...)
	}
	refuses := func(what string, r result, names ...string) {
		t.Helper()
		for _, want := range append(names, "nothing was done") {
			if r.code != 2 || !strings.Contains(r.err, want) {
				t.Errorf("%s: %+v\nwithout %s", what, r, want)
			}
		}
	}
	web1, web2, recovery := a.keys["web1"].Fingerprint(), a.keys["web2"].Fingerprint(), a.recovery.Fingerprint()
	refuses("the first time", apply(own, "--yes"), "the key of web1 ("+web1, "recovery key ("+recovery)
	refuses("one host's", apply(own, "--yes"), "add --agent-key "+web1+" --recovery-key "+recovery+", or apply without --yes on a terminal")
	if r := apply(own); r.code != 2 || !strings.Contains(r.err, "add --yes --agent-key "+web1+" --recovery-key "+recovery+", or apply on a terminal") {
		t.Errorf("nobody to ask: %+v", r)
	}
	refuses("half of it given", apply(own, "--yes", "--agent-key", web1), "recovery key ("+recovery)
	if posted := a.posted(); len(posted) > 0 {
		t.Error(posted)
	}
	if r := apply(own, "--yes", "--agent-key", web1, "--recovery-key", recovery); r.code != 0 || strings.Contains(r.out, "not known here") {
		t.Errorf("both given: %+v", r)
	}
	if r := apply(own, "--yes"); r.code != 0 || len(a.posted()) != 4 {
		t.Errorf("both known: %+v, %q", r, a.posted())
	}
	all := strings.ReplaceAll(own, "{agents: [web1]}", "{label: role=web}")
	r := apply(all, "--yes")
	if refuses("a host nobody knows", r, "the key of web2 ("+web2); strings.Contains(r.err, web1) || len(a.posted()) != 4 {
		t.Errorf("%+v, %q", r, a.posted())
	}
	if want := `"new_keys":[{"agent":"web2","agent_id":"id-web2","fingerprint":"` + web2 + `"}]`; !strings.Contains(strings.Join(strings.Fields(apply(all, "--dry-run", "-o", "json").out), ""), want) {
		t.Errorf("not shown to programs: %s", want)
	}
	if r := apply(all, "--yes", "--accept-new-keys"); r.code != 0 {
		t.Errorf("%+v", r)
	}
}

// TestApplyKeepsToTheKeysThatItShowed: the recovery key is no other one when it is
// sealed to.
func TestApplyKeepsToTheKeysThatItShowed(t *testing.T) {
	thief, err := seal.NewIdentity()
	must(t, err)
	a := newApplied(t, map[string][]answer{"POST /api/repositories": ok(rest.Repository{ID: 4, Status: "ready"}), "POST /api/schedule": ok(rest.Schedule{ID: 1})})
	a.answers["GET /api/fleet/recovery-key"] = append(a.answers["GET /api/fleet/recovery-key"], answer{200, rest.RecoveryKey{Recipient: thief.Recipient()}})
	if r := a.command("", "apply", a.file, "--yes", "--accept-new-keys"); r.code != 0 || strings.Contains(r.out+r.err, thief.Fingerprint()) {
		t.Errorf("%+v", r)
	}
}

// TestApplyUsersByToken: an API token makes no users. The rest of the file is applied,
// and what to do about them is said.
func TestApplyUsersByToken(t *testing.T) {
	const refused = "an API token cannot make or change users"
	a := newApplied(t, map[string][]answer{
		"GET /api/users": ok(rest.UserList{Users: []rest.User{{Name: "ann", Role: "admin"}, {Name: "bob", Role: "viewer"}}}), "GET /api/auth/me": ok(rest.Me{Username: "ann"}),
		"PATCH /api/users/bob":   {{403, rest.Problem{Status: 403, Code: "needs_login", Detail: refused}}},
		"POST /api/repositories": ok(rest.Repository{ID: 4, Status: "ready"}), "POST /api/schedule": ok(rest.Schedule{ID: 1}),
	})
	t.Setenv("FLEET_PASS", phrase)
	r := a.command(strings.ReplaceAll(twoHosts, `{file: "pass/{agent}"}`, "{env: FLEET_PASS}")+"users:\n  - {name: ann, role: admin}\n  - {name: bob, role: operator}\n", "apply", "-", "--yes", "--accept-new-keys")
	for _, want := range []string{
		"schedule nightly: made\n", "user bob: failed: " + refused + "\n    Next: apply the file when you have logged in as an administrator (borgfleet-controller login); a program that applies with a token gets a file without users\n",
		"1 of these failed",
	} {
		if r.code != 1 || !strings.Contains(r.err, want) {
			t.Errorf("%+v\nwithout %s", r, want)
		}
	}
}

// TestApplyGoesOn: a host that refuses keeps no other one back, but the schedule
// that needs it.
func TestApplyGoesOn(t *testing.T) {
	a := newApplied(t, map[string][]answer{
		"POST /api/repositories": {{422, rest.Problem{Status: 422, Detail: "borg: no\x1b", Next: "ask borg"}}, {201, rest.Repository{ID: 5, Status: "ready"}}},
	})
	r := a.command("", "apply", a.file, "--yes", "--accept-new-keys")
	for _, want := range []string{
		"repository web1 on web1: failed: borg: no\\x1b\n    Next: ask borg\n", "repository web2 on web2: made\n", "schedule nightly: failed: web1 on web1 was not registered\n", "2 of these failed",
	} {
		if r.code != 1 || !strings.Contains(r.err, want) {
			t.Errorf("%+v\nwithout %s", r, want)
		}
	}
}

func TestApplyBadFiles(t *testing.T) {
	a := newApplied(t, nil)
	r := a.command("repositories:\n  - {nam: x}\n", "apply", "-")
	if r.code != 2 || !strings.Contains(r.err, `standard input: line 2: there is no key "nam"`) {
		t.Errorf("%+v", r)
	}
	if r := a.command("", "apply", a.file+"x"); r.code != 2 || !strings.Contains(r.err, "read definitions: open ") {
		t.Errorf("%+v", r)
	}
	if r := a.command(strings.ReplaceAll(twoHosts, "{label: role=web}", "{agents: [nobody]}"), "apply", "-"); r.code != 2 || !strings.Contains(r.err, `no host of the fleet has the name or id "nobody"`) {
		t.Errorf("%+v", r)
	}
}

// TestApplyRehearsesSecrets: what apply refuses is no plan that passes.
func TestApplyRehearsesSecrets(t *testing.T) {
	a := newApplied(t, nil)
	for what, tt := range map[string]struct{ secret, want string }{
		"empty": {"\n", "the passphrase is empty"}, "two lines": {"a\nb\n", "a passphrase is one line"}, "binary": {"a\x00b", "a passphrase is one line"}, "too long": {strings.Repeat("a", 65<<10), "it has more than 65536 bytes"},
	} {
		must(t, os.WriteFile(filepath.Join(filepath.Dir(a.file), "pass", "web2"), []byte(tt.secret), 0o600))
		if r := a.command("", "apply", a.file, "--dry-run"); r.code != 1 || !strings.Contains(r.err, "repository web2 on web2: ") || !strings.Contains(r.err, tt.want) || !strings.Contains(r.out, "repository web2 on web2: new") {
			t.Errorf("%s: %+v", what, r)
		}
	}
	if r := a.command(strings.ReplaceAll(twoHosts, `{file: "pass/{agent}"}`, "{env: NOT_SET_ANYWHERE}"), "apply", "-", "--dry-run"); r.code != 1 || !strings.Contains(r.err, "NOT_SET_ANYWHERE, which is not set") {
		t.Errorf("%+v", r)
	}
	if posted := a.posted(); len(posted) > 0 {
		t.Error(posted)
	}
}

func TestApplySecretFromTheEnvironment(t *testing.T) {
	a := newApplied(t, map[string][]answer{"POST /api/repositories": ok(rest.Repository{ID: 4, Status: "ready"}), "POST /api/schedule": ok(rest.Schedule{ID: 1})})
	text := strings.ReplaceAll(twoHosts, `{file: "pass/{agent}"}`, "{env: FLEET_PASS}")
	if r := a.command(text, "apply", "-", "--yes", "--accept-new-keys"); r.code != 2 || !strings.Contains(r.err, "the environment variable FLEET_PASS, which is not set") {
		t.Errorf("%+v", r)
	}
	t.Setenv("FLEET_PASS", "two\nlines")
	if r := a.command(text, "apply", "-", "--yes", "--accept-new-keys"); r.code != 2 || !strings.Contains(r.err, "one line") || strings.Contains(r.err, "two") {
		t.Errorf("%+v", r)
	}
	t.Setenv("FLEET_PASS", phrase)
	if r := a.command(text, "apply", "-", "--yes", "--accept-new-keys"); r.code != 0 || strings.Contains(r.err+r.out, phrase) {
		t.Errorf("%+v", r)
	}
}
