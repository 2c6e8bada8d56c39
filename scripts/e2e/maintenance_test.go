package e2e

import (
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"borgfleet/scripts/testenv"
)

// maintained is a fleet of one host that lets the controller prune, and a
// repository of it.
type maintained struct {
	*testenv.Env
	t    *testing.T
	repo string
	id   int64
}

func newMaintained(t *testing.T, more ...string) *maintained {
	t.Helper()
	m := &maintained{t: t}
	m.Env = newFleet(t, testenv.Fleet{Agents: []testenv.Agent{{Name: "host", Allow: []string{"--allow-maintenance"}, Env: more}}})
	m.repo = register(t, m.Env, repository{Name: "r", Encryption: "repokey-blake2", Passphrase: "p", Sources: []string{tree(t, 5)}})
	m.id = idOf(t, m.Env, "r")
	return m
}

// idOf is the id of the repository with a name.
func idOf(t *testing.T, env *testenv.Env, name string) int64 {
	t.Helper()
	var all struct {
		Repositories []struct {
			ID   int64
			Name string
		}
	}
	fatal(t, env.API.Get("/api/repositories", &all))
	for _, r := range all.Repositories {
		if r.Name == name {
			return r.ID
		}
	}
	t.Fatalf("no repository %s", name)
	return 0
}

// maintenanceJob is what tests look at of a maintenance job.
type maintenanceJob struct {
	testenv.Job
	PhasePercent *float64 `json:"phase_percent"`
	Deleted      *int64   `json:"archives_deleted"`
	Freed        *int64   `json:"bytes_freed"`
	Logs         string
}

// order starts a maintenance job of a repository.
func order(t *testing.T, env *testenv.Env, repository int64, kind string, body any) int64 {
	t.Helper()
	var out struct {
		ID      int64 `json:"job_id"`
		Status  string
		Message string
	}
	fatal(t, env.API.Post(fmt.Sprintf("/api/repositories/%d/%s", repository, kind), body, &out))
	if out.Status != "pending" || !strings.HasSuffix(out.Message, " job started") {
		t.Errorf("%s answers %+v", kind, out)
	}
	return out.ID
}

// ended waits for the end of a job of a kind.
func ended(t *testing.T, env *testenv.Env, kind string, id int64) maintenanceJob {
	t.Helper()
	_, err := env.Finish(id)
	fatal(t, err)
	var j maintenanceJob
	path := fmt.Sprintf("/api/repositories/%s-jobs/%d", kind, id)
	if kind == "break-lock" {
		path = "/api/backup/status/" + itoa(id)
	}
	fatal(t, env.API.Get(path, &j))
	return j
}

func (m *maintained) run(kind string, body any) maintenanceJob {
	m.t.Helper()
	return ended(m.t, m.Env, kind, order(m.t, m.Env, m.id, kind, body))
}

// names waits until the catalogue has these archives and no others.
func (m *maintained) names(want ...string) {
	m.t.Helper()
	got := []string{}
	slices.Sort(want)
	err := m.Await("the catalogue is true", func() (bool, error) {
		got = listed(m.t, m.Env, m.repo).names()
		slices.Sort(got)
		return slices.Equal(got, want), nil
	})
	if err != nil {
		m.t.Fatalf("%v: it has %v, want %v", err, got, want)
	}
}

// TestMaintenance goes through a prune that only tells, the prune, the compact
// and the check, through REST.
func TestMaintenance(t *testing.T) {
	t.Parallel()
	for _, b := range borgs(t) {
		t.Run(b.version, func(t *testing.T) {
			m := newMaintained(t, b.env...)
			var own []string
			for range 3 {
				own = append(own, backup(t, m.Env, m.repo).ArchiveName)
			}
			borg(t, m.Env, "p", "create", m.repo+"::"+own[0]+"-foreign", tree(t, 1)) // matches; made today, too
			borg(t, m.Env, "p", "create", m.repo+"::host-r-foreign", tree(t, 1))
			m.names(append(own, own[0]+"-foreign", "host-r-foreign")...)

			dry := m.run("prune", map[string]any{"keep_daily": 1, "dry_run": true})
			if dry.Status != "completed" || dry.Deleted != nil || strings.Count(dry.Logs, "Would prune:") != 3 || strings.Contains(dry.Logs, "host-r-foreign") {
				t.Errorf("dry run: %+v", dry)
			}
			if got := archives(t, m.Env, "p", m.repo); len(got) != 5 {
				t.Fatalf("after a dry run there are %v", got)
			}
			pruned := m.run("prune", map[string]any{"keep_daily": 1})
			if pruned.Status != "completed" || pruned.Deleted == nil || *pruned.Deleted != 3 || pruned.Progress != 100 {
				t.Errorf("prune: %+v", pruned)
			}
			left := archives(t, m.Env, "p", m.repo)
			if len(left) != 2 || !slices.Contains(left, "host-r-foreign") {
				t.Fatalf("after the prune there are %v", left)
			}
			m.names(left...)
			compacted := m.run("compact", nil)
			if compacted.Status != "completed" || compacted.Freed == nil || *compacted.Freed < 1 {
				t.Errorf("compact: %+v", compacted)
			}
			if j := m.run("check", nil); j.Status != "completed" {
				t.Errorf("check: %+v", j)
			}
			if j := m.run("check", map[string]any{"depth": "repository", "max_duration": 60}); j.Status != "completed" {
				t.Errorf("check of a part: %+v", j)
			}
			if j := m.run("check", map[string]any{"depth": "data"}); j.Status != "completed" {
				t.Errorf("check of the data: %+v", j)
			}
			if j := m.run("break-lock", nil); j.Status != "completed" {
				t.Errorf("break-lock: %+v", j)
			}
			err := m.API.Get("/api/repositories/compact-jobs/"+itoa(pruned.ID), nil)
			wantProblem(t, "a prune among the compacts", err, http.StatusNotFound)
		})
	}
}

// TestMaintenanceNeedsLeave: without the owner's word the host checks, and does
// no more; with a floor no prune keeps less.
func TestMaintenanceNeedsLeave(t *testing.T) {
	t.Parallel()
	const floor = "allow:\n  maintenance: true\n  repositories: ['/**']\n  retention_floor:\n    keep_daily: 7\n"
	env := newFleet(t, testenv.Fleet{Agents: []testenv.Agent{{Name: "host"}, {Name: "floor", Config: floor}}})
	for _, name := range []string{"host", "floor"} {
		register(t, env, repository{Name: name, Agent: name, Sources: []string{tree(t, 1)}})
		backup(t, env, name)
	}
	for kind, want := range map[string]string{"prune": "policy_refused", "compact": "policy_refused", "break-lock": "policy_refused", "check": ""} {
		body := map[string]any{}
		if kind == "prune" {
			body["keep_daily"] = 30
		}
		j := ended(t, env, kind, order(t, env, idOf(t, env, "host"), kind, body))
		if j.ErrorCode != want || want != "" && !strings.Contains(j.ErrorMessage, "borgfleet-agent allow --maintenance") {
			t.Errorf("%s: %s %q", kind, j.ErrorCode, j.ErrorMessage)
		}
	}
	for keep, want := range map[int]string{6: "policy_refused", 7: ""} {
		j := ended(t, env, "prune", order(t, env, idOf(t, env, "floor"), "prune", map[string]any{"keep_daily": keep}))
		if j.ErrorCode != want || want != "" && !strings.Contains(j.ErrorMessage, "keep_daily 6 is less than 7") {
			t.Errorf("keep_daily %d: %s %q", keep, j.ErrorCode, j.ErrorMessage)
		}
	}
	out, err := env.Hosts["floor"].CLI("allow")
	if err != nil || !strings.Contains(out, "only prune what is beyond keep_daily 7") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestCheckRuns shows what borg is at, waits for nobody else's repository, can be
// cancelled, and holds a break-lock off.
func TestCheckRuns(t *testing.T) {
	t.Parallel()
	on := filepath.Join(t.TempDir(), "on")
	fatal(t, syscall.Mkfifo(on, 0o600))
	m := newMaintained(t, borgScript(t, `case " $* " in *" check "*)
echo '{"message": "Checking segments 42.0%", "current": 42, "total": 100, "info": null, "operation": 1, "msgid": "repository.check", "type": "progress_percent", "finished": false, "time": 1}' >&2
read -r _ < `+on+`;; esac
exec $BORG "$@"
`)...)
	backup(t, m.Env, m.repo)
	id := order(t, m.Env, m.id, "check", nil)
	var j maintenanceJob
	err := m.Await("the phase is shown", func() (bool, error) {
		err := m.API.Get("/api/repositories/check-jobs/"+itoa(id), &j)
		return j.PhasePercent != nil && *j.PhasePercent == 42 && j.Phase == "repository.check" && j.Progress == 0 && j.Status == "running", err
	})
	if err != nil {
		t.Fatalf("%v: %+v", err, j)
	}
	if out, err := m.Controller.CLI("jobs", "show", itoa(id)); err != nil || !strings.Contains(out, "running: repository.check 42 %") {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := m.Hosts["host"].CLI("jobs"); err != nil || !strings.Contains(out, "repository.check 42 %") {
		t.Errorf("%v\n%s", err, out)
	}
	err = m.API.Post(fmt.Sprintf("/api/repositories/%d/break-lock", m.id), nil, nil)
	if p := wantProblem(t, "break-lock beside a check", err, http.StatusConflict); !strings.Contains(p.Detail, fmt.Sprintf("job %d (check on host)", id)) {
		t.Errorf("it says %q", p.Detail)
	}
	waits := order(t, m.Env, m.id, "compact", nil)
	if j, err := m.API.Job(waits); err != nil || j.WaitingFor == "" {
		t.Errorf("the compact waits for %q, %v", j.WaitingFor, err)
	}
	fatal(t, m.API.Post("/api/backup/cancel/"+itoa(id), nil, nil))
	if j := ended(t, m.Env, "check", id); j.Status != "cancelled" {
		t.Errorf("%+v", j)
	}
	if j := ended(t, m.Env, "compact", waits); j.Status != "completed" {
		t.Errorf("%+v", j)
	}
}

// TestMaintenanceCommands on both command lines.
func TestMaintenanceCommands(t *testing.T) {
	t.Parallel()
	m := newMaintained(t)
	host := m.Hosts["host"]
	for range 2 {
		backup(t, m.Env, m.repo)
	}
	says := func(want string, run func(...string) (string, error), args ...string) {
		t.Helper()
		if out, err := run(args...); err != nil || !strings.Contains(out, want) {
			t.Errorf("%v: %v, want %q\n%s", args, err, want, out)
		}
	}
	says("1 archive would be removed, 1 kept", m.Controller.CLI, "repositories", "prune", "r", "--keep-daily", "1", "--dry-run")
	says("1 archive would be removed, 1 kept", host.CLI, "prune", "r", "--keep-daily", "1", "--dry-run")
	says("completed", host.CLI, "check", "r", "--depth", "repository", "--max-duration", "1m", "-f")
	says("completed", m.Controller.CLI, "repositories", "check", "r", "--depth", "archives", "-f")
	says("1 archive removed", host.CLI, "prune", "r", "--keep-daily", "1", "-f")
	if _, err := host.CLI("prune", "r"); err == nil || !strings.Contains(err.Error(), `"r" has no retention: say what`) {
		t.Errorf("%v", err)
	}
	says("keep_daily 3, keep_within 1y", m.Controller.CLI, "repositories", "update", "r", "--keep-within", "1y", "--keep-daily", "3")
	says("0 archives removed", m.Controller.CLI, "repositories", "prune", "r", "-f")
	err := m.Await("the host has the retention", func() (bool, error) {
		out, err := host.CLI("prune", "r", "--dry-run")
		return err == nil && strings.Contains(out, "keep_daily 3, keep_within 1y, as the repository's retention says"), nil
	})
	fatal(t, err)
	says("Retention", m.Controller.CLI, "repositories", "show", "r")
	says("r: retention", m.Controller.CLI, "audit", "--what", "changeRepository")
	if out, err := m.Controller.CLI("repositories", "update", "r", "--no-retention"); err != nil || strings.Contains(out, "Retention") {
		t.Errorf("%v\n%s", err, out)
	}
	says("freed", m.Controller.CLI, "repositories", "compact", "r", "-f")
	says("completed", host.CLI, "compact", "r", "-f")
	says("completed", host.CLI, "break-lock", "r", "--yes", "-f")
	says("Break-lock job", m.Controller.CLI, "repositories", "break-lock", "r", "--yes")
	says("prune", m.Controller.CLI, "jobs", "list", "--kind", "prune", "--repository", "r")
	if _, err := m.Controller.CLI("repositories", "break-lock", "r"); err == nil || !strings.Contains(err.Error(), "Add --yes if that is meant") {
		t.Errorf("nobody was asked: %v", err)
	}
	if _, err := m.Controller.CLI("repositories", "prune", "r"); err == nil || !strings.Contains(err.Error(), `"r" has no retention: say what`) {
		t.Errorf("%v", err)
	}
}
