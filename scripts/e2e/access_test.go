package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
