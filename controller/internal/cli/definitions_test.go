package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/shared/definitions"
	"borgfleet/shared/job"
)

const everybody = `notifications:
  channels:
    - {name: ops, type: webhook, url: {file: ops.url}, secret: {env: OPS_SECRET}}
    - {name: mail, type: mail, host: m, from: a@b.c, to: [d@e.f]}
  rules:
    - {name: trouble, events: [failure], channels: [ops, mail]}
users:
  - {name: bob, role: viewer, password: {file: bob.pass}}
  - {name: ann, role: admin}
`

const (
	opsURL    = "https://hooks.example.org/T0PS3CRET"
	opsSecret = "whsec_T0PS3CRET"
	bobPass   = "T0PS3CRET of bob"
)

// staffed is a fleet in which nobody but ann is, and a file for more.
func staffed(t *testing.T, more map[string][]answer) applied {
	answers := map[string][]answer{
		"GET /api/notifications/channels": ok(rest.ChannelList{}), "GET /api/notifications/rules": ok(rest.RuleList{}),
		"GET /api/users":   ok(rest.UserList{Users: []rest.User{{Name: "ann", Role: "admin"}}}),
		"GET /api/auth/me": ok(rest.Me{Username: "ann", Role: "admin"}),
	}
	for name, a := range more {
		answers[name] = a
	}
	a := newApplied(t, answers)
	dir := filepath.Dir(a.file)
	must(t, os.WriteFile(a.file, []byte(everybody), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "ops.url"), []byte(opsURL+"\n"), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "bob.pass"), []byte(bobPass+"\n"), 0o600))
	t.Setenv("OPS_SECRET", opsSecret)
	return a
}

// inPlace are answers of a fleet in which all of the file is there.
func inPlace(different ...string) map[string][]answer {
	return map[string][]answer{
		"GET /api/notifications/channels":            ok(rest.ChannelList{Channels: []rest.Channel{{ID: 4, Name: "ops", Type: "webhook"}, {ID: 5, Name: "mail", Type: "mail"}}}),
		"GET /api/notifications/channels/4/settings": ok(rest.ChannelSettings{Readable: true, Secrets: []string{"secret", "url"}}),
		"GET /api/notifications/channels/5/settings": ok(rest.ChannelSettings{Readable: true, Host: ptr("m"), Port: ptr(int64(587)), TLS: ptr("starttls"), From: ptr("a@b.c"), To: []string{"d@e.f"}}),
		"POST /api/notifications/channels/4/compare": ok(rest.Compared{Different: different}),
		"GET /api/notifications/rules":               ok(rest.RuleList{Rules: []rest.Rule{{ID: 7, Name: "trouble", Enabled: true, Events: []string{"failure"}, Channels: []int64{4, 5}}}}),
		"GET /api/users":                             ok(rest.UserList{Users: []rest.User{{Name: "ann", Role: "admin"}, {Name: "bob", Role: "viewer"}}}),
		"PUT /api/notifications/channels/4":          ok(rest.Channel{ID: 4}),
	}
}

// changed are the requests that change something.
func (a applied) changed() (out []string) {
	return slices.DeleteFunc(a.posted(), func(s string) bool { return strings.Contains(s, "/compare ") })
}

func TestApplyNotificationsAndUsers(t *testing.T) {
	a := staffed(t, map[string][]answer{
		"POST /api/notifications/channels": ok(rest.NewChannel{Channel: rest.Channel{ID: 4}}, rest.NewChannel{Channel: rest.Channel{ID: 5}}),
		"POST /api/notifications/rules":    ok(rest.Rule{ID: 7}), "POST /api/users": ok(rest.User{Name: "bob"}),
	})
	shown := "channel ops: new, webhook\nchannel mail: new, mail to d@e.f by m\nrule trouble: new, failure, to ops, mail\nuser bob: new, with the role viewer\n1 unchanged\n"
	a.command("", "apply", a.file, "--dry-run").want(t, 5, shown, "")
	if posted := a.posted(); len(posted) > 0 {
		t.Error(posted)
	}
	r := a.command("", "apply", a.file, "--yes")
	r.want(t, 0, shown, "channel ops: made\nchannel mail: made\nrule trouble: made\nuser bob: made\n")
	want := []string{
		`POST /api/notifications/channels {"name":"ops","secret":"` + opsSecret + `","type":"webhook","url":"` + opsURL + `"}`,
		`POST /api/notifications/channels {"from":"a@b.c","host":"m","name":"mail","port":587,"tls":"starttls","to":["d@e.f"],"type":"mail"}`,
		`POST /api/notifications/rules {"agents":[],"channels":[4,5],"events":["failure"],"kinds":[],"labels":[],"name":"trouble","repositories":[]}`,
		`POST /api/users {"name":"bob","password":"` + bobPass + `","role":"viewer"}`,
	}
	if got := a.changed(); !slices.Equal(got, want) {
		t.Errorf("%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if strings.Contains(r.out+r.err, "T0PS3CRET") {
		t.Errorf("%+v", r)
	}
}

func TestApplyPeopleTwice(t *testing.T) {
	a := staffed(t, inPlace())
	for _, more := range [][]string{{}, {"--dry-run"}, {"--yes"}} {
		a.command("", append([]string{"apply", a.file}, more...)...).want(t, 0, "5 unchanged: nothing to do\n", "")
	}
	for _, asked := range a.heard() {
		if strings.Contains(asked, "T0PS3CRET") {
			t.Errorf("a plan tells a secret: %s", asked)
		}
	}
	// With nothing where the secrets should be, they stay, and that is said.
	must(t, os.Remove(filepath.Join(filepath.Dir(a.file), "ops.url")))
	must(t, os.Unsetenv("OPS_SECRET"))
	a.command("", "apply", a.file, "--dry-run").want(t, 0, "5 unchanged: nothing to do\n",
		"channel ops: its secret stays as it is: there is nothing where the file says that it is\nchannel ops: its url stays as it is: there is nothing where the file says that it is\n")
	var shown struct {
		NotCompared []struct{ What, Name, Field string } `json:"not_compared"`
	}
	r := a.command("", "apply", a.file, "--dry-run", "-o", "json")
	if err := json.Unmarshal([]byte(r.out), &shown); err != nil || r.code != 0 || len(shown.NotCompared) != 2 || shown.NotCompared[1].Field != "url" {
		t.Errorf("%v, %+v", err, r)
	}
	if changed := a.changed(); len(changed) > 0 {
		t.Error(changed)
	}
}

func TestApplyAnotherSecret(t *testing.T) {
	a := staffed(t, inPlace("url"))
	a.command("", "apply", a.file, "--dry-run").want(t, 5, "channel ops: change\n    url  a secret → another secret\n4 unchanged\n", "")
	var shown struct {
		Changes []struct {
			What, Name, Action string
			Differences        []struct{ Field, New string }
		}
	}
	r := a.command("", "apply", a.file, "--dry-run", "-o", "json")
	if err := json.Unmarshal([]byte(r.out), &shown); err != nil || r.code != 5 || len(shown.Changes) != 5 || shown.Changes[0].Action != "change" || shown.Changes[0].Differences[0].New != "another secret" {
		t.Errorf("%v, %+v", err, r)
	}
	a.command("", "apply", a.file, "--yes").want(t, 0, "channel ops: change\n    url  a secret → another secret\n4 unchanged\n", "channel ops: changed\n")
	if got := a.changed(); len(got) != 1 || got[0] != `PUT /api/notifications/channels/4 {"url":"`+opsURL+`"}` {
		t.Error(got)
	}
	for _, text := range []string{"", "two\nlines"} {
		must(t, os.WriteFile(filepath.Join(filepath.Dir(a.file), "ops.url"), []byte(text), 0o600))
		if r := a.command("", "apply", a.file, "--yes"); r.code != 2 || !strings.Contains(r.err, "channel ops: ") || strings.Contains(r.err, "two") {
			t.Errorf("%+v", r)
		}
	}
}

// TestApplyPeopleNeedsSecrets: what is to be made needs them all, before anything is
// done.
func TestApplyPeopleNeedsSecrets(t *testing.T) {
	a := staffed(t, nil)
	must(t, os.Remove(filepath.Join(filepath.Dir(a.file), "bob.pass")))
	if r := a.command("", "apply", a.file, "--yes"); r.code != 2 || !strings.Contains(r.err, "user bob: read password: open ") {
		t.Errorf("%+v", r)
	}
	if posted := a.posted(); len(posted) > 0 {
		t.Error(posted)
	}
}

// TestApplyPeopleGoesOn: what is refused keeps nothing else back, but what names it.
func TestApplyPeopleGoesOn(t *testing.T) {
	no := rest.Problem{Status: 422, Detail: "no such thing"}
	a := staffed(t, map[string][]answer{
		"POST /api/notifications/channels": {{422, no}, {201, rest.NewChannel{Channel: rest.Channel{ID: 5}}}}, "POST /api/users": ok(rest.User{Name: "bob"}),
	})
	r := a.command("", "apply", a.file, "--yes")
	if want := "channel ops: failed: no such thing\nchannel mail: made\nrule trouble: failed: ops was not made\nuser bob: made\n"; r.code != 1 || !strings.HasPrefix(r.err, want) || !strings.Contains(r.err, "2 of these failed") {
		t.Errorf("%+v", r)
	}
}

// TestApplyMaintainer: it needs both registrations, which may be new.
func TestApplyMaintainer(t *testing.T) {
	const file = "repositories:\n" +
		"  - {name: web, path: /a, agent: web1, encryption: none, source_directories: [/etc], maintainer: web2}\n" +
		"  - {name: of web1, path: /b, agent: web2, encryption: none, source_directories: [/etc]}\n"
	shown := "repository web on web1: new, at /a\nrepository of web1 on web2: new, at /b\nmaintainer of web on web1: change\n    maintainer  none → web2\n0 unchanged\n"
	a := newApplied(t, map[string][]answer{"POST /api/repositories": ok(rest.Repository{ID: 4, Status: "ready"}, rest.Repository{ID: 5, Status: "ready"}), "PUT /api/repositories/4": ok(rest.Repository{ID: 4})})
	a.command(file, "apply", "-", "--yes").want(t, 0, shown, "repository web on web1: made\nrepository of web1 on web2: made\nmaintainer of web on web1: changed\n")
	if got := a.posted(); len(got) != 3 || got[2] != `PUT /api/repositories/4 {"maintainer":"web2"}` {
		t.Error(got)
	}
	a = newApplied(t, map[string][]answer{"POST /api/repositories": {{422, rest.Problem{Status: 422, Detail: "no"}}, {201, rest.Repository{ID: 5, Status: "ready"}}}})
	if r := a.command(file, "apply", "-", "--yes"); r.code != 1 || !strings.Contains(r.err, "maintainer of web on web1: failed: web on web1 was not registered\n") {
		t.Errorf("%+v", r)
	}
}

// TestApplyIsForWhoMay: REST's refusal says what the role is, and this what to do.
func TestApplyIsForWhoMay(t *testing.T) {
	no := []answer{{403, rest.Problem{Status: 403, Code: "forbidden", Detail: `this needs the role admin, and bob has the role "operator"`}}}
	a := staffed(t, map[string][]answer{"GET /api/users": no})
	if r := a.command("", "apply", a.file, "--yes"); r.code != 3 || !strings.Contains(r.err, "the file has users, whom only an administrator may see and change; apply it as one, or leave users out of it: this needs the role admin, and bob has") {
		t.Errorf("%+v", r)
	}
	there := inPlace()
	there["GET /api/notifications/channels/4/settings"] = no
	a = staffed(t, there)
	if r := a.command("", "apply", a.file, "--yes"); r.code != 3 || !strings.Contains(r.err, "the file has channels, whose settings only an administrator may see and change; apply it as one, or leave notifications out of it: this needs") {
		t.Errorf("%+v", r)
	}
	if r := a.command("", "export"); r.code != 3 || r.out != "" || !strings.Contains(r.err, "only an administrator may see all of it; export as one: this needs the role admin") {
		t.Errorf("%+v", r)
	}
	if changed := a.changed(); len(changed) > 0 {
		t.Error(changed)
	}
	// Who has none of that in the file is asked for none of it.
	must(t, os.WriteFile(a.file, []byte(twoHosts), 0o600))
	before := len(a.heard())
	a.command("", "apply", a.file, "--dry-run")
	for _, asked := range a.heard()[before:] {
		if strings.Contains(asked, "users") || strings.Contains(asked, "notifications") {
			t.Error(asked)
		}
	}
}

// exporting is a fleet with something of each kind.
func exporting(t *testing.T) applied {
	answers := inPlace()
	mode := "repokey"
	answers["GET /api/repositories"] = ok(rest.RepositoryList{Repositories: []rest.Repository{
		{ID: 4, Name: "no", Path: "ssh://bk@h/web1", Agent: "web1", AgentID: "id-web1", Status: "ready", Encryption: &mode, HasPassphrase: true, SourceDirectories: []string{"/etc"}, LockWait: 600, FileLog: "none",
			ArchiveNameFormat: job.DefaultArchiveName, MatchArchives: "web1-no-????-??-??T??:??:??.???*"},
		{ID: 5, Name: "bad", Agent: "web2", AgentID: "id-web2", Status: "failed"},
	}})
	answers["GET /api/schedule"] = ok(rest.ScheduleList{Schedules: []rest.Schedule{
		{ID: 1, Name: "nightly", CronExpression: "30 2 * * *", RepositoryIDs: []int64{4, 5}, CatchUp: 86400, Overlap: "skip", RetryDelay: 300, PingTarget: ptr("https://x/…")},
	}})
	answers["POST /api/schedule/1/compare"] = ok(rest.Compared{})
	return staffed(t, answers)
}

const exportedFleet = `# What this file cannot say:
#   repository bad on web2: it could not be set up; see borgfleet-controller repositories list

repositories:
  - name: "no"
    path: ssh://bk@h/web1
    agent: web1
    encryption: repokey
    passphrase: {file: passphrases/web1/no}
    source_directories:
      - /etc
schedules:
  - name: nightly
    cron_expression: 30 2 * * *
    repositories:
      - "no"
    enabled: false
    ping_url: {file: schedules/nightly/ping_url}
notifications:
  channels:
    - name: mail
      type: mail
      host: m
      from: a@b.c
      to: [d@e.f]
    - name: ops
      type: webhook
      url: {file: channels/ops/url}
      secret: {file: channels/ops/secret}
  rules:
    - name: trouble
      events: [failure]
      channels: [mail, ops]
users:
  - name: ann
    role: admin
    password: {file: users/ann/password}
  - name: bob
    role: viewer
    password: {file: users/bob/password}
`

func TestExport(t *testing.T) {
	a := exporting(t)
	r := a.command("", "export")
	if head, rest, _ := strings.Cut(r.out, "#\n# What this"); r.code != 0 || "# What this"+rest != exportedFleet || !strings.Contains(head, "No secret is in it") {
		t.Errorf("%+v", r)
	}
	left := "left out: repository bad on web2: it could not be set up; see borgfleet-controller repositories list\n"
	if r.err != left {
		t.Errorf("%q", r.err)
	}
	if dashed := a.command("", "export", "-"); dashed.out != r.out {
		t.Errorf("%+v", dashed)
	}
	file := filepath.Join(t.TempDir(), "fleet.yaml")
	a.command("", "export", file).want(t, 0, "", left+"Wrote "+file+": 1 repositories, 1 schedules, 2 channels, 1 rules, 2 users. To see that nothing is lost: borgfleet-controller apply "+file+" --dry-run\n")
	data, err := os.ReadFile(file)
	must(t, err)
	if _, err := definitions.Load(file); err != nil || string(data) != r.out {
		t.Errorf("%v\n%s", err, data)
	}
	if posted := a.posted(); len(posted) > 0 {
		t.Error(posted)
	}
	// Nothing is where it says that the secrets are, and nothing is to be done.
	if r := a.command("", "apply", file, "--dry-run"); r.code != 0 || r.out != "7 unchanged: nothing to do\n" || strings.Count(r.err, "stays as it is") != 3 {
		t.Errorf("%+v", r)
	}
}

// TestExportReplacesNothingUnasked: somebody may have written in it.
func TestExportReplacesNothingUnasked(t *testing.T) {
	a := exporting(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "fleet.yaml")
	must(t, os.WriteFile(file, []byte("mine\n"), 0o600))
	if r := a.command("", "export", file); r.code != 2 || !strings.Contains(r.err, file+" is there already, and nothing was written: name another file, or replace it with --force") {
		t.Errorf("%+v", r)
	}
	if data, _ := os.ReadFile(file); string(data) != "mine\n" {
		t.Errorf("%s", data)
	}
	if r := a.command("", "export", "--force", file); r.code != 0 {
		t.Errorf("%+v", r)
	}
	if data, _ := os.ReadFile(file); !strings.HasSuffix(string(data), exportedFleet) {
		t.Errorf("%s", data)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Error(entries)
	}
	if r := a.command("", "export", filepath.Join(dir, "none", "fleet.yaml")); r.code != 1 || !strings.Contains(r.err, "no such file or directory") || strings.Contains(r.err, "controller is not running") {
		t.Errorf("%+v", r)
	}
	if r := a.command("", "export", file, file); r.code != 2 {
		t.Errorf("%+v", r)
	}
}
