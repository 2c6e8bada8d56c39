package server

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"borgfleet/controller/internal/backup"
	"borgfleet/controller/internal/fleet"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

// manyJobs are more than all buffers between a server and its client hold.
const manyJobs = 15_000

// TestSlowExport: while a client that has asked for everything reads nothing, others
// ask and write as ever; and when it reads on, it gets everything.
func TestSlowExport(t *testing.T) {
	dir := t.TempDir()
	addJobs(t, filepath.Join(dir, "store"))
	if err := os.WriteFile(filepath.Join(dir, backup.NewAuthorityMark), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	at := serve(t, dir)
	c := &caller{t: t, url: at.API}
	var login struct {
		Token string `json:"access_token"`
	}
	c.call(http.MethodPost, "/api/auth/login", url.Values{"username": {"admin"}, "password": {testPassword}}.Encode(), &login)
	c.token = login.Token

	slow := c.open("/api/jobs/export?format=ndjson")
	defer slow.Close()
	read := bufio.NewReader(slow)
	if line, err := read.ReadString('\n'); err != nil || !strings.Contains(line, "200 OK") {
		t.Fatalf("%q, %v", line, err)
	}
	for range 20 {
		var list struct{ Jobs []struct{ ID int64 } }
		c.call(http.MethodGet, "/api/backup/jobs?limit=50&status=failed", "", &list)
		if len(list.Jobs) != 50 {
			t.Fatalf("%d jobs", len(list.Jobs))
		}
		var started struct {
			ID int64 `json:"job_id"`
		}
		c.call(http.MethodPost, "/api/backup/start", `{"repository": "/r"}`, &started)
		c.call(http.MethodPost, fmt.Sprintf("/api/backup/cancel/%d", started.ID), "", nil)
	}
	if err := slow.SetReadBuffer(4 << 20); err != nil { // now it is in a hurry
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(io.MultiReader(strings.NewReader("HTTP/1.1 200 OK\r\n"), read)), nil)
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); rows++ {
	}
	if rows != manyJobs {
		t.Errorf("%d rows, want %d: what came later is newer than all of them", rows, manyJobs)
	}
}

const testPassword = "correct horse battery"

// serve runs a controller until the test ends.
func serve(t *testing.T, dir string) Addresses {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	started, ended := make(chan Addresses, 1), make(chan error, 1)
	go func() {
		ended <- Serve(ctx, Options{
			DataDir: dir, APIListen: "127.0.0.1:0", AgentListen: "127.0.0.1:0", AdminPassword: testPassword,
			Settings: fleet.DefaultSettings(), Logger: slog.New(slog.NewTextHandler(t.Output(), nil)), Started: func(at Addresses) { started <- at },
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	select {
	case at := <-started:
		return at
	case err := <-ended:
		ended <- nil
		t.Fatal(err)
	}
	return Addresses{}
}

// addJobs fills a store before a controller runs on it.
func addJobs(t *testing.T, dir string) {
	t.Helper()
	st, err := store.Open(dir, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	past := time.Now().UTC().AddDate(0, 0, -1)
	repo := job.Repository{Name: "r", Path: "/r", Sources: []string{"/etc"}}
	made := 0
	for made < manyJobs && err == nil {
		err = st.Update(t.Context(), func(tx *store.Tx) error {
			if made == 0 {
				repo.ID = tx.NewRepositoryID()
				if err := tx.PutAgent(store.Agent{ID: "a", Name: "a"}); err != nil {
					return err
				}
				if err := tx.PutRepository(store.Repository{Repository: repo, Agent: "a", Status: store.RepositoryReady, CreatedAt: past}); err != nil {
					return err
				}
			}
			for ; made < manyJobs && !tx.Full(); made++ {
				key := job.DerivedKey(past, fmt.Append(nil, made))
				j := job.New(tx.NewJobID(), key, "a", job.Spec{
					Kind: job.Backup, Repository: repo, TriggeredBy: job.ByManual,
					CreatedAt: past.Add(time.Duration(made) * time.Second / 10), StartDeadline: past.AddDate(0, 0, 1),
				})
				j.Status, j.Verdict = job.Failed, &job.Verdict{Status: job.Failed, EndedAt: past, ErrorMessage: strings.Repeat("it failed; ", 40)}
				if err := tx.PutJob(j); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
}

// caller makes calls that must not have to wait for somebody else.
type caller struct {
	t          *testing.T
	url, token string
}

func (c *caller) call(method, path, body string, out any) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	if c.token == "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		c.t.Fatalf("%s %s: %d, %v: %s", method, path, resp.StatusCode, err, data)
	}
	if out != nil {
		if err := json.Unmarshal(data, out); err != nil {
			c.t.Fatal(err)
		}
	}
}

// open sends a request on a connection that takes little.
func (c *caller) open(path string) *net.TCPConn {
	c.t.Helper()
	u, err := url.Parse(c.url)
	if err != nil {
		c.t.Fatal(err)
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		c.t.Fatal(err)
	}
	slow := conn.(*net.TCPConn) // that is what was asked for
	if err := slow.SetReadBuffer(4096); err != nil {
		c.t.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nConnection: close\r\n\r\n", path, c.token); err != nil {
		c.t.Fatal(err)
	}
	return slow
}
