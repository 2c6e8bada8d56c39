package e2e

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"borgfleet/scripts/testenv"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func decode(t *testing.T, data []byte, out any) {
	t.Helper()
	if err := json.Unmarshal(data, out); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
}

func newRequest(t *testing.T, env *testenv.Env, method, path, body string) *http.Request {
	t.Helper()
	req, err := http.NewRequest(method, env.API.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	return req
}

// wantProblem wants an error in the documented form, with this status and a
// sentence for a person.
func wantProblem(t *testing.T, what string, err error, status int) *testenv.Problem {
	t.Helper()
	p, ok := errors.AsType[*testenv.Problem](err)
	if !ok {
		t.Errorf("%s: got %v, want a problem with status %d", what, err, status)
		return &testenv.Problem{}
	}
	if p.Status != status || p.Type != "application/problem+json" || p.Code == "" || p.Detail == "" {
		t.Errorf("%s: got %d %s %s, want %d", what, p.Status, p.Type, p.Body, status)
	}
	return p
}

// borgVersion is one borg to test with, and the environment that puts it first.
type borgVersion struct {
	version string
	env     []string
}

// borgs are the machine's own borg and those of BORGFLEET_TEST_BORGS.
func borgs(t *testing.T) []borgVersion {
	t.Helper()
	own, err := exec.LookPath("borg")
	if err != nil {
		t.Fatal("borg is not installed; make test installs it")
	}
	paths := []string{own}
	if list := os.Getenv("BORGFLEET_TEST_BORGS"); list != "" {
		paths = strings.Split(list, ":")
	}
	var out []borgVersion
	for _, p := range paths {
		v, err := exec.Command(p, "--version").Output()
		if err != nil {
			t.Fatalf("%s --version: %v", p, err)
		}
		out = append(out, borgVersion{strings.TrimSpace(string(v)), []string{"PATH=" + filepath.Dir(p) + ":" + os.Getenv("PATH")}})
	}
	return out
}

// bigTree is a directory with one file of n bytes that do not compress.
func bigTree(t *testing.T, n int64) string {
	t.Helper()
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "big"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 1<<20)
	src := rand.NewChaCha8([32]byte{1})
	for left := n; left > 0; left -= int64(len(block)) {
		src.Read(block)
		if _, err := f.Write(block[:min(left, int64(len(block)))]); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// borgScript puts a script named borg first on an agent's PATH. In it, $BORG is
// the real one.
func borgScript(t *testing.T, body string) []string {
	t.Helper()
	real, err := exec.LookPath("borg")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	script := "#!/bin/bash\nBORG=" + real + "\n" + body
	if err := os.WriteFile(filepath.Join(dir, "borg"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return []string{"PATH=" + dir + ":" + os.Getenv("PATH")}
}
