package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"borgfleet/scripts/testenv"
)

// TestAccessSurvivesKill: what was ended stays so, and what was given stays
// good, when the controller is killed right after its answer.
func TestAccessSurvivesKill(t *testing.T) {
	t.Parallel()
	env := newFleet(t, testenv.Fleet{})
	as := func(token string) *testenv.API {
		other := *env.API
		other.Token = token
		return &other
	}
	if err := env.API.Post("/api/users", map[string]string{"name": "ann", "password": "a password of ann", "role": "viewer"}, nil); err != nil {
		t.Fatal(err)
	}
	login := func() string {
		var out struct {
			Token string `json:"access_token"`
		}
		if err := env.API.Post("/api/auth/login", map[string]string{"username": "ann", "password": "a password of ann"}, &out); err != nil {
			t.Fatal(err)
		}
		return out.Token
	}
	ended, stays := login(), login()
	var made struct{ ID, Token string }
	if err := as(stays).Post("/api/tokens", map[string]any{"name": "cron"}, &made); err != nil {
		t.Fatal(err)
	}
	if err := as(ended).Post("/api/auth/logout", nil, nil); err != nil {
		t.Fatal(err)
	}
	again := func() {
		t.Helper()
		if err := env.Controller.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := env.Controller.Start(); err != nil {
			t.Fatal(err)
		}
	}
	again()
	wantProblem(t, "the ended login", as(ended).Get("/api/auth/me", nil), http.StatusUnauthorized)
	for what, token := range map[string]string{"the other login": stays, "the API token": made.Token} {
		if err := as(token).Get("/api/auth/me", nil); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	wantProblem(t, "a viewer", as(made.Token).Get("/api/users", nil), http.StatusForbidden)
	if err := env.API.Do("DELETE", "/api/users/ann", nil, nil); err != nil {
		t.Fatal(err)
	}
	again()
	for what, token := range map[string]string{"the login": stays, "the API token": made.Token} {
		wantProblem(t, what+" of a deleted user", as(token).Get("/api/auth/me", nil), http.StatusUnauthorized)
	}
	wantProblem(t, "the last administrator", env.API.Do("DELETE", "/api/users/admin", nil, nil), http.StatusConflict)
	secret := made.Token[strings.LastIndex(made.Token[:22], "_")+1:]
	err := filepath.WalkDir(env.Dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if strings.Contains(string(data), secret) || strings.Contains(string(data), "a password of ann") {
			t.Errorf("%s holds a secret", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestPasswordsAndLogins: a person changes the own password, root resets it on
// the controller's host, and each time every login made before is over, an open
// stream among them; a logout ends one login and no other; API tokens stay.
func TestPasswordsAndLogins(t *testing.T) {
	t.Parallel()
	env := newFleet(t, testenv.Fleet{})
	const first, second, third = "a password of ann", "another password of ann", "what root has set for ann"
	cli := func(args ...string) string {
		t.Helper()
		out, err := env.Controller.CLI(args...)
		fatal(t, err)
		return out
	}
	as := func(token string) *testenv.API {
		other := *env.API
		other.Token = token
		return &other
	}
	cli("users", "create", "ann", "--password-file", secretFile(t, first))
	login := func(password string) (string, error) {
		var out struct {
			Token string `json:"access_token"`
		}
		err := as("").Post("/api/auth/login", map[string]string{"username": "ann", "password": password}, &out)
		return out.Token, err
	}
	in := func(password string) string {
		t.Helper()
		token, err := login(password)
		fatal(t, err)
		fatal(t, as(token).Get("/api/auth/me", nil))
		return token
	}
	var made struct{ ID, Token string }
	a, b := in(first), in(first)
	fatal(t, as(a).Post("/api/tokens", map[string]any{"name": "cron"}, &made))

	fatal(t, as(a).Post("/api/auth/logout", nil, nil))
	wantProblem(t, "a login that was ended", as(a).Get("/api/auth/me", nil), http.StatusUnauthorized)
	fatal(t, as(b).Get("/api/auth/me", nil))

	streamEnds := hangsUp(t, env, b)
	file := filepath.Join(t.TempDir(), "token")
	cli("password", "--server", env.API.URL, "--username", "ann", "--password-file", secretFile(t, first), "--new-password-file", secretFile(t, second), "--token-file", file)
	streamEnds("after a change of the password")
	wantProblem(t, "a login with the old password", as(b).Get("/api/auth/me", nil), http.StatusUnauthorized)
	_, err := login(first)
	wantProblem(t, "the old password", err, http.StatusUnauthorized)
	data, err := os.ReadFile(file)
	fatal(t, err)
	c := strings.TrimSpace(string(data))
	fatal(t, as(c).Get("/api/auth/me", nil))

	streamEnds = hangsUp(t, env, c)
	cli("users", "set", "ann", "--password-file", secretFile(t, third))
	streamEnds("after a reset")
	wantProblem(t, "a login before the reset", as(c).Get("/api/auth/me", nil), http.StatusUnauthorized)
	_, err = login(second)
	wantProblem(t, "the password before the reset", err, http.StatusUnauthorized)
	d := in(third)
	fatal(t, env.Controller.Kill())
	fatal(t, env.Controller.Start())
	fatal(t, as(d).Get("/api/auth/me", nil))
	for what, token := range map[string]string{"logged out": a, "before the change": b, "before the reset": c} {
		wantProblem(t, what+", after a kill", as(token).Get("/api/auth/me", nil), http.StatusUnauthorized)
	}
	fatal(t, as(made.Token).Get("/api/auth/me", nil))
}

// hangsUp opens a stream of events; what it gives waits for its end.
func hangsUp(t *testing.T, env *testenv.Env, token string) func(what string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	req := newRequest(t, env, "GET", "/api/events", "").WithContext(ctx)
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	fatal(t, err)
	t.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("the stream is %d", resp.StatusCode)
	}
	return func(what string) {
		t.Helper()
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			t.Errorf("%s the stream goes on: %v", what, err)
		}
	}
}

// TestLoginsBehindAProxy: who guesses behind the same proxy shuts nobody else
// out, by no header either; the audit log has the address that counts.
func TestLoginsBehindAProxy(t *testing.T) {
	t.Parallel()
	env := newFleet(t, testenv.Fleet{Controller: []string{"--trusted-proxy", "127.0.0.1"}})
	try := func(password, forwardedFor string) int {
		t.Helper()
		req := newRequest(t, env, "POST", "/api/auth/login", `{"username": "admin", "password": "`+password+`"}`)
		req.Header.Set("X-Forwarded-For", forwardedFor)
		resp, err := http.DefaultClient.Do(req)
		fatal(t, err)
		resp.Body.Close()
		return resp.StatusCode
	}
	password, err := os.ReadFile(env.Controller.PasswordFile())
	fatal(t, err)
	right := strings.TrimSpace(string(password))
	refused := 0
	for i := range 15 {
		if try("a guess of somebody", fmt.Sprintf("198.51.100.%d, 203.0.113.9", i)) == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused == 0 || try(right, "192.0.2.7, 203.0.113.9") != http.StatusTooManyRequests {
		t.Errorf("of 15 guesses %d were refused, and a made-up address is a new one", refused)
	}
	if status := try(right, "192.0.2.7"); status != http.StatusOK {
		t.Errorf("somebody else behind the proxy: %d", status)
	}
	var from []string
	for _, e := range auditLog(t, env.Controller, "--what", "login") {
		if len(from) == 0 || from[len(from)-1] != e.From {
			from = append(from, e.From)
		}
	}
	if want := []string{"127.0.0.1", "203.0.113.9", "192.0.2.7"}; !slices.Equal(from, want) {
		t.Errorf("the audit log has logins from %v, want %v", from, want)
	}
}
