package e2e

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"borgfleet/controller/apitest"
	"borgfleet/scripts/testenv"
)

// series are the values of a page of metrics, by name and labels.
type series map[string]float64

// scrape asks for the metrics as a token may.
func scrape(t *testing.T, env *testenv.Env, token string) (page []byte, status int) {
	t.Helper()
	req := newRequest(t, env, http.MethodGet, "/metrics", "")
	a := *env.API
	a.Token = token
	page, resp, err := a.Send(req)
	if err != nil {
		t.Fatal(err)
	}
	return page, resp.StatusCode
}

func measure(t *testing.T, env *testenv.Env, token string) series {
	t.Helper()
	page, status := scrape(t, env, token)
	if status != http.StatusOK {
		t.Fatalf("%d: %s", status, page)
	}
	out := series{}
	for line := range strings.Lines(string(page)) {
		line = strings.TrimSpace(line)
		if at := strings.LastIndexByte(line, ' '); at > 0 && line[0] != '#' {
			value, err := strconv.ParseFloat(line[at+1:], 64)
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			out[line[:at]] = value
		}
	}
	return out
}

// TestMetrics: a real backup is measured, with the token that docs/monitoring.md
// has people make; an agent that stops goes offline there; what is deleted goes.
func TestMetrics(t *testing.T) {
	t.Parallel()
	begun := time.Now().Add(-time.Minute)
	env := oneHost(t)
	data := t.TempDir()
	if err := os.WriteFile(filepath.Join(data, "file"), bytes.Repeat([]byte("x"), 50_000), 0o600); err != nil {
		t.Fatal(err)
	}
	path := register(t, env, repository{Name: "home", Sources: []string{data}})
	token := metricsToken(t, env)
	const of = `{agent="host",repository="home"}`
	m := measure(t, env, token)
	if _, ok := m[`borgfleet_backup_last_good_timestamp_seconds`+of]; ok || m[`borgfleet_agent_online{agent="host"}`] != 1 {
		t.Errorf("before the first backup: %v", m)
	}
	records := m["borgfleet_log_records_total"]
	id, err := env.API.Backup(path)
	if err != nil {
		t.Fatal(err)
	}
	if j, err := env.Finish(id); err != nil || j.Status != "completed" {
		t.Fatalf("%+v %v", j, err)
	}
	m = measure(t, env, token)
	within := func(name string, least, most float64) {
		t.Helper()
		if v, ok := m[name]; !ok || v < least || v > most {
			t.Errorf("%s is %v (there: %v), not between %v and %v", name, v, ok, least, most)
		}
	}
	now := float64(time.Now().Add(time.Minute).Unix())
	within(`borgfleet_backup_last_good_timestamp_seconds`+of, float64(begun.Unix()), now)
	within(`borgfleet_backup_last_timestamp_seconds`+of, float64(begun.Unix()), now)
	within(`borgfleet_backup_last_good_duration_seconds`+of, 0, 60)
	within(`borgfleet_backup_last_good_original_bytes`+of, 50_000, 100_000)
	within(`borgfleet_backup_last_good_deduplicated_bytes`+of, 1, 50_000)
	within(`borgfleet_backup_last_status{agent="host",repository="home",status="completed"}`, 1, 1)
	within(`borgfleet_backup_stale`+of, 0, 0)
	within(`borgfleet_backup_shrunk`+of, 0, 0)
	within(`borgfleet_archives_vanished`+of, 0, 0)
	within(`borgfleet_agent_last_contact_timestamp_seconds{agent="host"}`, float64(begun.Unix()), now)
	within(`borgfleet_agent_certificate_expiry_timestamp_seconds{agent="host"}`, now+86400, now+40*86400)
	within(`borgfleet_log_records_total`, records+1, 1e6)
	within(`borgfleet_registers_total`, 1, 1e6)
	within(`borgfleet_acknowledgement_duration_seconds_count`, 1, 1e6)
	within(`borgfleet_store_commit_duration_seconds_count`, 3, 1e6)
	within(`borgfleet_store_last_commit_timestamp_seconds`, float64(begun.Unix()), now)
	within(`borgfleet_store_ready`, 1, 1)
	within(`borgfleet_index_rows`, 2, 100) // init and backup
	within(`borgfleet_api_responses_total{class="2xx",operation="startBackup"}`, 1, 1)
	within(`borgfleet_api_request_duration_seconds_count{operation="startBackup"}`, 1, 1)
	within(`borgfleet_listener_connections{listener="agents"}`, 1, 100)
	within(`process_resident_memory_bytes`, 1e6, 1e10)
	t.Run("promtool", func(t *testing.T) {
		page, _ := scrape(t, env, token)
		apitest.Promtool(t, "", page, "check", "metrics")
	})

	if err := env.Hosts["host"].Stop(); err != nil {
		t.Fatal(err)
	}
	if err := env.Await("the agent is offline", func() (bool, error) {
		m = measure(t, env, token)
		return m[`borgfleet_agent_online{agent="host"}`] == 0 && m[`borgfleet_agents{state="offline"}`] == 1, nil
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := env.API.Backup(path); err != nil {
		t.Fatal(err)
	}
	m = measure(t, env, token)
	within(`borgfleet_jobs_waiting{reason="agent_offline"}`, 1, 1)
	within(`borgfleet_jobs{status="pending"}`, 1, 1)
	within(`borgfleet_backup_last_status{agent="host",repository="home",status="pending"}`, 1, 1)
	within(`borgfleet_backup_last_good_original_bytes`+of, 50_000, 100_000) // that stays the good one's

	if out, err := env.Controller.CLI("agents", "revoke", "host", "--yes"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	page, _ := scrape(t, env, token)
	if strings.Contains(string(page), `"host"`) || measure(t, env, token)[`borgfleet_agents{state="revoked"}`] != 1 {
		t.Errorf("a revoked agent has series:\n%s", page)
	}
}

// metricsToken is made as docs/monitoring.md says, and reads nothing but what a
// viewer may. One for a part of the fleet, and nobody, read nothing.
func metricsToken(t *testing.T, env *testenv.Env) string {
	t.Helper()
	last := func(args ...string) string {
		t.Helper()
		out, err := env.Controller.CLI(args...)
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
		lines := strings.Split(strings.TrimSpace(out), "\n")
		return lines[len(lines)-1]
	}
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("nobody knows this one"), 0o600); err != nil {
		t.Fatal(err)
	}
	last("users", "create", "prometheus", "--role", "viewer", "--password-file", password)
	part := last("tokens", "create", "part", "--user", "prometheus", "--role", "viewer", "--agent", "host")
	for token, want := range map[string]int{part: http.StatusForbidden, "": http.StatusUnauthorized, "wrong": http.StatusUnauthorized} {
		if page, status := scrape(t, env, token); status != want || bytes.Contains(page, []byte("borgfleet_")) {
			t.Errorf("with the token %.8q it is %d, not %d: %s", token, status, want, page)
		}
	}
	return last("tokens", "create", "prometheus", "--user", "prometheus", "--role", "viewer", "--expires-in", "365d")
}
