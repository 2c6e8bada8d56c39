package e2e

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"borgfleet/scripts/testenv"
)

// losing is a fleet whose controller is lost after it was backed up.
type losing struct {
	*testenv.Env
	t          *testing.T
	stages     stages
	backup     string // file
	passphrase string // file
	old        string // what survives of the data directory
	jobs       map[int64]kept
}

// kept is what must be the same before and after.
type kept struct {
	testenv.Job
	lines []testenv.Line
}

// TestRestoredController: a controller that comes back from a backup has every
// job again, those from after the backup too, once and under its old id, with
// its log; no host loses a repository; who was revoked stays out.
func TestRestoredController(t *testing.T) {
	t.Parallel()
	l := newLosing(t)
	l.after()
	l.lose()
	l.restore("--revocations", filepath.Join(l.old, "revocations"))
	l.everythingIsThere()
	l.gapsAreFilled()
	l.revokedStaysOut()
	l.differencesAreShown()
	l.goesOn()
}

// newLosing backs up while a backup runs; "early" has ended by then.
func newLosing(t *testing.T) *losing {
	s, script := newStages(t)
	l := &losing{t: t, stages: s, jobs: map[int64]kept{}, old: t.TempDir()}
	l.Env = newFleet(t, testenv.Fleet{
		Controller: []string{"--log-policy", "all"},
		Agents:     []testenv.Agent{{Name: "host", Env: script}, {Name: "gone"}, {Name: "plain"}},
	})
	l.passphrase = filepath.Join(t.TempDir(), "passphrase")
	fatal(t, os.WriteFile(l.passphrase, []byte("of the authority\n"), 0o600))
	register(t, l.Env, repository{Name: "p", Agent: "plain", Sources: []string{tree(t, 20)}, FileLog: "all"})
	early := start(t, l.Env, "p")
	if _, err := l.Finish(early); err != nil {
		t.Fatal(err)
	}
	register(t, l.Env, repository{Name: "r", Agent: "host", Sources: []string{tree(t, stageLines+50)}, FileLog: "all"})
	start(t, l.Env, "r")
	s.reached(t, l.Env, 1)

	l.backup = filepath.Join(t.TempDir(), "controller.backup")
	l.cli("db", "backup", l.backup, "--passphrase-file", l.passphrase)
	if info, err := os.Stat(l.backup); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the backup: %v, %v", info.Mode(), err)
	}
	if out := l.cli("db", "verify", l.backup); !strings.Contains(out, "whole") {
		t.Errorf("verify says:\n%s", out)
	}
	return l
}

func (l *losing) cli(args ...string) string {
	l.t.Helper()
	out, err := l.Controller.CLI(args...)
	if err != nil {
		l.t.Fatalf("%v\n%s", err, out)
	}
	return out
}

// after is what the backup does not know.
func (l *losing) after() {
	t := l.t
	l.stages.on(t, 1)
	l.finishAll()
	l.cli("agents", "revoke", "gone", "--yes")
	register(t, l.Env, repository{Name: "new", Agent: "plain", Sources: []string{tree(t, 30)}, FileLog: "all"})
	start(t, l.Env, "new")
	if _, err := l.AddHost(testenv.Agent{Name: "late"}); err != nil {
		t.Fatal(err)
	}
	register(t, l.Env, repository{Name: "of-late", Agent: "late", Sources: []string{tree(t, 10)}, FileLog: "all"})
	start(t, l.Env, "of-late")
	start(t, l.Env, "p")
	l.changeSources("p", tree(t, 5))
	l.finishAll()
	for id := range l.all() {
		l.jobs[id] = l.read(id)
	}
	if len(l.jobs) < 9 { // an init and a backup each, one more of p
		t.Fatalf("only %d jobs", len(l.jobs))
	}
}

func (l *losing) changeSources(name, to string) {
	l.t.Helper()
	fatal(l.t, l.API.Do("PUT", fmt.Sprintf("/api/repositories/%d", l.repositories()[name]), map[string]any{"source_directories": []string{to}}, nil))
}

func (l *losing) repositories() map[string]int64 {
	l.t.Helper()
	var list struct {
		Repositories []struct {
			ID   int64
			Name string
		}
	}
	fatal(l.t, l.API.Get("/api/repositories", &list))
	out := map[string]int64{}
	for _, r := range list.Repositories {
		out[r.Name] = r.ID
	}
	return out
}

// all gives the ids of all jobs of all kinds, and how often each is listed.
func (l *losing) all() map[int64]int {
	l.t.Helper()
	var list struct {
		Jobs []struct{ ID int64 }
	}
	fatal(l.t, l.API.Get("/api/backup/jobs?kind=init&kind=backup&kind=list&limit=200", &list))
	out := map[int64]int{}
	for _, j := range list.Jobs {
		out[j.ID]++
	}
	return out
}

func (l *losing) finishAll() {
	l.t.Helper()
	for id := range l.all() {
		if _, err := l.Finish(id); err != nil {
			l.t.Fatal(err)
		}
	}
}

func (l *losing) read(id int64) kept {
	l.t.Helper()
	j, err := l.API.Job(id)
	fatal(l.t, err)
	lines, err := l.API.Lines(id)
	fatal(l.t, err)
	return kept{j, lines}
}

// lose destroys the controller; the file of revocations is what survives.
func (l *losing) lose() {
	t := l.t
	fatal(t, l.Controller.Kill())
	password, err := os.ReadFile(l.Controller.PasswordFile())
	fatal(t, err)
	fatal(t, os.WriteFile(filepath.Join(l.old, "password"), password, 0o600))
	fatal(t, os.Rename(filepath.Join(l.Controller.DataDir, "revocations"), filepath.Join(l.old, "revocations")))
	fatal(t, os.RemoveAll(l.Controller.DataDir))
}

func (l *losing) restore(more ...string) {
	t := l.t
	l.cli(append([]string{"db", "restore", l.backup, "--passphrase-file", l.passphrase}, more...)...)
	fatal(t, l.Controller.Start())
	password, err := os.ReadFile(filepath.Join(l.old, "password"))
	fatal(t, err)
	fatal(t, os.WriteFile(l.Controller.PasswordFile(), password, 0o600))
	api, err := l.Login(t.Context())
	fatal(t, err)
	l.API.Token = api.Token
}

func (l *losing) online(name string) {
	l.t.Helper()
	fatal(l.t, l.Await(name+" is back", func() (bool, error) {
		var v struct{ Online bool }
		err := l.API.Get("/api/agents/"+name, &v)
		return v.Online, err
	}))
}

func (l *losing) everythingIsThere() {
	t := l.t
	for _, name := range []string{"host", "plain", "late"} {
		l.online(name)
	}
	fatal(t, l.Await("all jobs are back", func() (bool, error) { return len(l.all()) >= len(l.jobs), nil }))
	l.finishAll()
	now := l.all()
	if got, want := slices.Sorted(maps.Keys(now)), slices.Sorted(maps.Keys(l.jobs)); !slices.Equal(got, want) {
		t.Errorf("the jobs are %v, want %v", got, want)
	}
	for id, want := range l.jobs {
		if now[id] != 1 {
			t.Errorf("job %d is there %d times", id, now[id])
			continue
		}
		got := l.read(id)
		if got.Status != want.Status || got.ArchiveName != want.ArchiveName || got.StartedAt != want.StartedAt || got.Details != want.Details || got.Repository != want.Repository {
			t.Errorf("job %d is\n%+v\nwant\n%+v", id, got.Job, want.Job)
		}
		if !slices.Equal(got.lines, want.lines) {
			t.Errorf("job %d has %d lines, want %d, or others", id, len(got.lines), len(want.lines))
		}
	}
}

// gapsAreFilled: each backup that was made is one archive, and no more.
func (l *losing) gapsAreFilled() {
	for name, want := range map[string]int{"p": 2, "r": 1, "new": 1, "of-late": 1} {
		if got := archives(l.t, l.Env, "", filepath.Join(l.Repositories(), name)); len(got) != want {
			l.t.Errorf("%s has the archives %v, want %d", name, got, want)
		}
	}
}

func (l *losing) revokedStaysOut() {
	t := l.t
	var v struct {
		Revoked bool
		Online  bool
	}
	fatal(t, l.API.Get("/api/agents/gone", &v))
	if !v.Revoked || v.Online {
		t.Errorf("the revoked agent: %+v", v)
	}
	gone := l.Hosts["gone"]
	fatal(t, gone.Stop())
	fatal(t, gone.Start())
	fatal(t, l.Await("gone is told", func() (bool, error) {
		out, err := gone.CLI("status")
		return strings.Contains(out, "was revoked at"), err
	}))
}

func (l *losing) differencesAreShown() {
	t := l.t
	want := []string{"new -> not known to the controller", "of-late -> not known to the controller", "p -> other sources"}
	fatal(t, l.Await("the differences are shown", func() (bool, error) {
		return slices.Equal(l.differences(), want), nil
	}))
	if out := l.cli("agents", "show", "plain"); !strings.Contains(strings.Join(strings.Fields(out), " "), "db differences") {
		t.Errorf("agents show does not tell:\n%s", out)
	}
	// The host goes on with what it has, also on its own.
	if out, err := l.Hosts["plain"].CLI("backup", "new"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	l.finishAll()
	for id := range l.all() {
		if _, old := l.jobs[id]; !old && id <= 1_000_000 {
			t.Errorf("a new job got the id %d, which an old one may have", id)
		}
	}
}

// differences gives name and difference of each, sorted.
func (l *losing) differences() (out []string) {
	l.t.Helper()
	for line := range strings.Lines(l.cli("db", "differences")) {
		f := strings.Fields(line)
		if len(f) > 4 && f[0] != "AGENT" {
			out = append(out, f[2]+" -> "+strings.Join(f[4:], " "))
		}
	}
	slices.Sort(out)
	return out
}

// goesOn: once an administrator has decided, all is as it was, and more.
func (l *losing) goesOn() {
	t := l.t
	for line := range strings.Lines(l.cli("db", "differences")) {
		f := strings.Fields(line)
		if len(f) < 5 || f[0] == "AGENT" {
			continue
		}
		how := "--host"
		if f[2] == "p" {
			how = "--controller"
		}
		l.cli("db", "settle", f[0], f[1], how)
	}
	fatal(t, l.Await("the hosts have confirmed", func() (bool, error) { return len(l.differences()) == 0, nil }))
	for _, name := range []string{"new", "of-late", "p"} {
		id := start(t, l.Env, name)
		if id <= 1_000_000 {
			t.Errorf("a new job got the id %d, which an old one may have", id)
		}
		if j, err := l.Finish(id); err != nil || j.Status != "completed" {
			t.Errorf("backup of %s: %+v, %v", name, j, err)
		}
	}
	id, err := strconv.ParseInt(fmt.Sprint(l.repositories()["new"]), 10, 64)
	if err != nil || id == 0 {
		t.Errorf("the repository is not registered again: %v", l.repositories())
	}
}
