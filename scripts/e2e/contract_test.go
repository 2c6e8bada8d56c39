package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"borgfleet/controller/apitest"
	"borgfleet/scripts/testenv"
)

// checker puts the contract between the test and the controller: every answer
// that any end-to-end test gets is held against the OpenAPI file.
func checker(t *testing.T, env *testenv.Env) {
	t.Helper()
	env.API.HTTP.Transport = apitest.NewChecker(t).RoundTripper(http.DefaultTransport)
}

// TestDocumentedAPI walks through the documented page with a real borg of each
// version underneath; each answer has the documented keys and types.
func TestDocumentedAPI(t *testing.T) {
	t.Parallel()
	for _, b := range borgs(t) {
		t.Run(b.version, func(t *testing.T) {
			env := newFleet(t, testenv.Fleet{
				Controller: []string{"--log-policy", "all"},
				Agents:     []testenv.Agent{{Name: "host", Env: b.env}},
			})
			repo := register(t, env, repository{Name: "my-repo", Encryption: "repokey-blake2", Passphrase: "correct horse", Sources: []string{tree(t, 300)}, FileLog: "all"})
			id := documentedStart(t, env, repo)
			j, err := env.Finish(id)
			if err != nil {
				t.Fatal(err)
			}
			if j.Status != "completed" || j.Progress != 100 || j.Details.Percent != 100 || j.Details.NFiles != 300 || j.Details.CurrentFile != "" {
				t.Errorf("job %+v", j)
			}
			if got := archives(t, env, "correct horse", repo); len(got) != 1 || got[0] != j.ArchiveName {
				t.Errorf("archives %v, want %s alone", got, j.ArchiveName)
			}
			for name, path := range map[string]string{
				"jobs":   "/api/backup/jobs?limit=50",
				"status": "/api/backup/status/" + itoa(id),
				"stream": "/api/backup/logs/" + itoa(id) + "/stream?offset=0",
			} {
				var body []byte
				if err := env.API.Get(path, &body); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				apitest.CheckDocumented(t, name, body)
			}
			var text []byte
			if err := env.API.Get("/api/backup/logs/"+itoa(id)+"/download?token="+env.API.Token, &text); err != nil || len(text) == 0 {
				t.Errorf("download: %v, %d bytes", err, len(text))
			}
		})
	}
}

func documentedStart(t *testing.T, env *testenv.Env, repo string) int64 {
	t.Helper()
	var body []byte
	if err := env.API.Post("/api/backup/start", map[string]string{"repository": repo}, &body); err != nil {
		t.Fatal(err)
	}
	apitest.CheckDocumented(t, "start", body)
	var out struct {
		ID      int64  `json:"job_id"`
		Status  string `json:"status"`
		Message string `json:"message"`
	}
	decode(t, body, &out)
	if out.Status != "pending" || out.Message != "Backup job started" {
		t.Errorf("start answers %+v", out)
	}
	return out.ID
}

// TestCancelWhileBorgRuns: the answer says that borg is gone, and it is; the
// lock is free; no archive is left.
func TestCancelWhileBorgRuns(t *testing.T) {
	t.Parallel()
	env := oneHost(t)
	source := t.TempDir()
	holes := filepath.Join(source, "holes") // borg needs long for them, and the disk nothing
	fatal(t, os.WriteFile(holes, nil, 0o600))
	fatal(t, os.Truncate(holes, 64<<30))
	repo := register(t, env, repository{Name: "r", Sources: []string{source}})
	id := start(t, env, repo)
	j, err := env.AwaitJob(id, "shows progress", func(j testenv.Job) bool { return j.Status == "running" && j.Details.OriginalSize > 0 })
	if err != nil {
		t.Fatal(err)
	}
	if j.Progress >= 100 || j.Details.CurrentFile == "" {
		t.Errorf("while running: %+v", j)
	}
	var body []byte
	if err := env.API.Post("/api/backup/cancel/"+itoa(id), nil, &body); err != nil {
		t.Fatal(err)
	}
	apitest.CheckDocumented(t, "cancel", body)
	var out struct {
		Message    string
		Terminated bool `json:"process_terminated"`
	}
	decode(t, body, &out)
	if out.Message != "Backup cancelled successfully" || !out.Terminated {
		t.Errorf("cancel answers %+v", out)
	}
	if left := env.Hosts["host"].Borgs(); len(left) > 0 {
		t.Errorf("borg still runs: %v", left)
	}
	if j, err = env.Finish(id); err != nil || j.Status != "cancelled" || j.Progress >= 100 {
		t.Errorf("%+v, %v", j, err)
	}
	if got := archives(t, env, "", repo); len(got) > 0 {
		t.Errorf("a cancelled backup left %v", got)
	}
	err = env.API.Post("/api/backup/cancel/"+itoa(id), nil, nil)
	wantProblem(t, "cancel again", err, http.StatusBadRequest)
}

// TestIdempotencyKey: the same key gives the same job.
func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	env := oneHost(t)
	repo := register(t, env, repository{Name: "r", Sources: []string{tree(t, 3)}})
	var ids []int64
	for range 2 {
		req := newRequest(t, env, "POST", "/api/backup/start", `{"repository":"`+repo+`"}`)
		req.Header.Set("Idempotency-Key", "night-1")
		data, resp, err := env.API.Send(req)
		if err != nil || resp.StatusCode != 200 {
			t.Fatalf("%v %v %s", err, resp, data)
		}
		var out struct {
			ID int64 `json:"job_id"`
		}
		decode(t, data, &out)
		ids = append(ids, out.ID)
	}
	if ids[0] != ids[1] {
		t.Errorf("two jobs for one key: %v", ids)
	}
	if _, err := env.Finish(ids[0]); err != nil {
		t.Error(err)
	}
}
