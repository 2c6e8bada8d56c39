package client_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
)

// answering is a server that answers body to everything, and remembers what it
// was asked.
func answering(t *testing.T, status int, mediaType, body string) (*client.Client, *http.Request) {
	t.Helper()
	asked := &http.Request{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		*asked = *r.Clone(context.Background())
		asked.Body = io.NopCloser(strings.NewReader(string(data)))
		w.Header().Set("Content-Type", mediaType)
		w.Header().Set("Retry-After", "3")
		w.WriteHeader(status)
		io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	c, err := client.New(s.URL+"/", "t0ken")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, asked
}

func TestRequests(t *testing.T) {
	since := time.Date(2024, 1, 15, 11, 0, 0, 0, time.FixedZone("", 3600))
	tests := []struct {
		name string
		call func(*client.Client) error
		want string // method and URL
		body string
	}{
		{"start", func(c *client.Client) error {
			_, err := c.StartBackup(t.Context(), rest.Start{Repository: "/a"}, "k")
			return err
		},
			"POST /api/backup/start", `{"repository":"/a"}`},
		{"jobs", func(c *client.Client) error {
			_, err := c.Jobs(t.Context(), client.JobFilter{Limit: 5, Statuses: []string{"failed", "cancelled"}, Since: since, Label: "a=b"})
			return err
		}, "GET /api/backup/jobs?label=a%3Db&limit=5&since=2024-01-15T10%3A00%3A00Z&status=failed&status=cancelled", ""},
		{"all jobs", func(c *client.Client) error { _, err := c.Jobs(t.Context(), client.JobFilter{}); return err }, "GET /api/backup/jobs", ""},
		{"job", func(c *client.Client) error { _, err := c.Job(t.Context(), 7); return err }, "GET /api/backup/status/7", ""},
		{"cancel", func(c *client.Client) error { _, err := c.Cancel(t.Context(), 7); return err }, "POST /api/backup/cancel/7", ""},
		{"log", func(c *client.Client) error { _, err := c.Log(t.Context(), 7, 2, 10); return err }, "GET /api/backup/logs/7/stream?limit=10&offset=2", ""},
		{"download", func(c *client.Client) error { return c.DownloadLog(t.Context(), 7, io.Discard) }, "GET /api/backup/logs/7/download", ""},
		{"login", func(c *client.Client) error { _, err := c.Login(t.Context(), "u", "p"); return err }, "POST /api/auth/login", `{"username":"u","password":"p"}`},
		{"me", func(c *client.Client) error { _, err := c.Me(t.Context()); return err }, "GET /api/auth/me", ""},
		{"logout", func(c *client.Client) error { return c.Logout(t.Context()) }, "POST /api/auth/logout", ""},
		{"password", func(c *client.Client) error { _, err := c.ChangePassword(t.Context(), "o", "n"); return err }, "POST /api/auth/password", `{"old_password":"o","new_password":"n"}`},
		{"users", func(c *client.Client) error { _, err := c.Users(t.Context()); return err }, "GET /api/users", ""},
		{"user", func(c *client.Client) error { _, err := c.User(t.Context(), "a@b/c"); return err }, "GET /api/users/a@b%2Fc", ""},
		{"new user", func(c *client.Client) error {
			_, err := c.CreateUser(t.Context(), rest.NewUser{Name: "a", Password: "p", Role: "viewer"})
			return err
		},
			"POST /api/users", `{"name":"a","password":"p","role":"viewer"}`},
		{"change user", func(c *client.Client) error {
			_, err := c.ChangeUser(t.Context(), "a", rest.UserChange{Role: "admin"})
			return err
		},
			"PATCH /api/users/a", `{"role":"admin"}`},
		{"delete user", func(c *client.Client) error { return c.DeleteUser(t.Context(), "a") }, "DELETE /api/users/a", ""},
		{"API tokens", func(c *client.Client) error { _, err := c.APITokens(t.Context()); return err }, "GET /api/tokens", ""},
		{"new API token", func(c *client.Client) error {
			_, err := c.CreateAPIToken(t.Context(), rest.APITokenRequest{Name: "x", ExpiresIn: 60})
			return err
		},
			"POST /api/tokens", `{"name":"x","expires_in":60}`},
		{"delete API token", func(c *client.Client) error { return c.DeleteAPIToken(t.Context(), "i") }, "DELETE /api/tokens/i", ""},
		{"download token", func(c *client.Client) error { _, err := c.DownloadToken(t.Context(), 7); return err }, "POST /api/backup/logs/7/download-token", ""},
		{"service", func(c *client.Client) error { _, err := c.Service(t.Context()); return err }, "GET /api", ""},
		{"ready", func(c *client.Client) error { return c.Ready(t.Context()) }, "GET /readyz", ""},
		{"token", func(c *client.Client) error {
			_, err := c.CreateJoinToken(t.Context(), rest.JoinTokenRequest{TTL: 60})
			return err
		}, "POST /api/agents/join-tokens", `{"ttl":60}`},
		{"agents", func(c *client.Client) error { _, err := c.Agents(t.Context()); return err }, "GET /api/agents", ""},
		{"agent", func(c *client.Client) error { _, err := c.Agent(t.Context(), "a/b"); return err }, "GET /api/agents/a%2Fb", ""},
		{"change agent", func(c *client.Client) error {
			no := false
			_, err := c.ChangeAgent(t.Context(), "a/b", rest.AgentChange{Labels: map[string]string{}, Paused: &no})
			return err
		}, "PATCH /api/agents/a%2Fb", `{"labels":{},"paused":false}`},
		{"change nothing", func(c *client.Client) error {
			_, err := c.ChangeAgent(t.Context(), "a", rest.AgentChange{})
			return err
		}, "PATCH /api/agents/a", `{}`},
		{"revoke agent", func(c *client.Client) error { _, err := c.RevokeAgent(t.Context(), "a/b"); return err }, "POST /api/agents/a%2Fb/revoke", ""},
		{"delete agent", func(c *client.Client) error { return c.DeleteAgent(t.Context(), "a/b") }, "DELETE /api/agents/a%2Fb", ""},
		{"repository", func(c *client.Client) error {
			_, err := c.CreateRepository(t.Context(), rest.RepositoryRequest{Name: "n", PassphraseSealed: []byte{1}})
			return err
		}, "POST /api/repositories", `{"name":"n","path":"","passphrase_sealed":"AQ==","source_directories":null}`},
		{"repositories", func(c *client.Client) error { _, err := c.Repositories(t.Context()); return err }, "GET /api/repositories", ""},
		{"one repository", func(c *client.Client) error { _, err := c.Repository(t.Context(), 7); return err }, "GET /api/repositories/7", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, asked := answering(t, 200, "application/json", `{}`)
			if err := tt.call(c); err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(asked.Body)
			if got := asked.Method + " " + asked.RequestURI; got != tt.want || string(body) != tt.body {
				t.Errorf("asked %s with %s", got, body)
			}
			if asked.Header.Get("Authorization") != "Bearer t0ken" {
				t.Error("without the token")
			}
		})
	}
}

func TestAnswersAreDecoded(t *testing.T) {
	c, _ := answering(t, 200, "application/json", `{"jobs":[{"id":5,"started_at":"2024-01-15T10:00:00Z","completed_at":null}],"next_cursor":"x"}`)
	list, err := c.Jobs(t.Context(), client.JobFilter{})
	if err != nil {
		t.Fatal(err)
	}
	j := list.Jobs[0]
	if j.ID != 5 || !j.StartedAt.Equal(time.Date(2024, 1, 15, 10, 0, 0, 0, time.UTC)) || j.CompletedAt != nil || *list.NextCursor != "x" {
		t.Errorf("got %+v", list)
	}
}

func TestProblems(t *testing.T) {
	body := `{"type":"about:blank","title":"Too Many Requests","status":429,"detail":"slow down","code":"too_many"}`
	c, _ := answering(t, 429, rest.ProblemType, body)
	_, err := c.Me(t.Context())
	p, ok := errors.AsType[*client.Error](err)
	if !ok || p.Error() != "slow down" || p.Code != "too_many" || p.Status != 429 || p.RetryAfter != 3*time.Second {
		t.Errorf("got %#v", err)
	}
	c, _ = answering(t, 502, "text/html", "<html>")
	if _, err := c.Me(t.Context()); err == nil || !strings.Contains(err.Error(), "502 Bad Gateway") {
		t.Errorf("got %v", err)
	}
	c, _ = answering(t, 200, "text/html", "<html>")
	if _, err := c.Me(t.Context()); err == nil {
		t.Error("a page passes for an answer")
	}
	c, _ = answering(t, 307, "text/html", "")
	if _, err := c.Me(t.Context()); err == nil {
		t.Error("a redirect passes for an answer")
	}
	many := `{"status":422,"detail":"d","errors":[{"location":"a","message":"b"},{"location":"c","message":"d"}]}`
	c, _ = answering(t, 422, rest.ProblemType, many)
	if _, err := c.Me(t.Context()); err == nil || !strings.Contains(err.Error(), "c: d") {
		t.Errorf("got %v", err)
	}
}

func TestUnixSocket(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			t.Error("a token over the socket")
		}
		io.WriteString(w, `{"username":"root","role":"admin"}`)
	}))
	s.Listener.Close()
	s.Listener = listener
	s.Start()
	defer s.Close()
	c := client.NewUnix(socket)
	defer c.Close()
	me, err := c.Me(t.Context())
	if err != nil || me != (rest.Me{Username: "root", Role: "admin"}) {
		t.Errorf("got %+v, %v", me, err)
	}
	gone := client.NewUnix(socket + "x")
	if _, err := gone.Me(t.Context()); err == nil || strings.Contains(err.Error(), "/api/auth/me") {
		t.Errorf("got %v", err)
	}
}

func TestBadServerURLs(t *testing.T) {
	for _, base := range []string{"", "host", "host:5000", "ftp://host", "http://", "unix:///x", "http://a b"} {
		if _, err := client.New(base, ""); err == nil {
			t.Errorf("%q passes", base)
		}
	}
	c, err := client.New("http://h", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Agent(t.Context(), ".."); err == nil {
		t.Error(".. passes for an agent")
	}
	if err := c.DeleteUser(t.Context(), ""); err == nil {
		t.Error("nothing passes for a user")
	}
	if c.DeleteAgent(t.Context(), "") == nil {
		t.Error("nothing passes for an agent")
	}
}
