package borg

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"borgfleet/shared/job"
)

func TestParseVersion(t *testing.T) {
	for in, want := range map[string]Version{
		"borg 1.2.4\n":                   {1, 2, 4, ""},
		"borg2 2.0.0b25":                 {2, 0, 0, "b25"},
		"borg 2.0.0b5":                   {2, 0, 0, "b5"},
		"1.4.0":                          {1, 4, 0, ""},
		"borg 1.4.1.dev3+gabc1234.d2024": {1, 4, 1, "dev3"},
		"borg 1.4.0rc1":                  {1, 4, 0, "rc1"},
	} {
		got, err := ParseVersion(in)
		if err != nil || got != want {
			t.Errorf("ParseVersion(%q) = %v, %v; want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "borg", "borg 1.2", "git 1.2.4", "borg 1.2.x", "1.2.4 extra words", "borg 1.2.4;rm", "borg 99999999.0.0", "-1.2.3"} {
		if v, err := ParseVersion(in); err == nil {
			t.Errorf("ParseVersion(%q) = %v, want an error", in, v)
		}
	}
}

func TestVersionOrder(t *testing.T) {
	order := []string{"1.1.18", "1.2.0b3", "1.2.0", "1.2.4", "1.4.0a1", "1.4.0b1", "1.4.0rc1", "1.4.0", "1.4.5", "2.0.0b5", "2.0.0b25", "2.0.0rc1", "2.0.0"}
	for i, a := range order {
		for j, b := range order {
			va, err1 := ParseVersion(a)
			vb, err2 := ParseVersion(b)
			if err := errors.Join(err1, err2); err != nil {
				t.Fatal(err)
			}
			if got, want := va.Compare(vb), sign(i-j); got != want {
				t.Errorf("%s compared with %s = %d, want %d", a, b, got, want)
			}
		}
	}
}

func sign(n int) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	}
	return 0
}

func TestVersionCheck(t *testing.T) {
	for in, ok := range map[string]bool{
		"1.1.17": false, "1.2.0b3": false, "1.2.0": true, "1.2.4": true, "1.4.5": true, "2.0.0b25": false, "2.0.0": false,
	} {
		v, err := ParseVersion(in)
		if err != nil {
			t.Fatal(err)
		}
		err = v.Check()
		if (err == nil) != ok {
			t.Errorf("Check(%s) = %v", in, err)
		}
		if err != nil && CodeOf(err) != job.CodeBorgVersion {
			t.Errorf("Check(%s) has the code %q", in, CodeOf(err))
		}
	}
}

// fakeBorg is a script that answers --version and counts how often.
func fakeBorg(t *testing.T, dir, version string) (path, calls string) {
	t.Helper()
	path, calls = filepath.Join(dir, "borg"), filepath.Join(dir, "calls")
	writeScript(t, path, "echo x >> "+calls+"\necho "+version+"\n")
	return path, calls
}

func writeScript(t *testing.T, path, body string) {
	t.Helper()
	// Not in parallel tests: a process forked while the file is open for
	// writing makes it "busy".
	tmp := path + ".new"
	if err := os.WriteFile(tmp, []byte("#!/bin/sh\n"+body), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(tmp, path); err != nil {
		t.Fatal(err)
	}
}

func callCount(t *testing.T, calls string) int {
	t.Helper()
	b, err := os.ReadFile(calls)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return len(b) / 2
}

func TestFindSaysWhatToDo(t *testing.T) {
	ctx := t.Context()
	dir := t.TempDir()
	if _, err := Find(ctx, filepath.Join(dir, "no-borg")); CodeOf(err) != job.CodeBorgMissing {
		t.Errorf("missing binary: %v", err)
	}
	if _, err := Find(ctx, "no-such-borg-anywhere"); CodeOf(err) != job.CodeBorgMissing || !strings.Contains(err.Error(), "install borgbackup") {
		t.Errorf("missing on PATH: %v", err)
	}
	path, _ := fakeBorg(t, dir, "borg2 2.0.0b25")
	tool, err := Find(ctx, path)
	if CodeOf(err) != job.CodeBorgVersion || tool.Path != path || tool.Version.Major != 2 {
		t.Errorf("unsupported version: %+v, %v", tool, err)
	}
	writeScript(t, path, "echo 'ModuleNotFoundError: No module named borg' >&2; exit 1\n")
	if _, err := Find(ctx, path); CodeOf(err) != job.CodeBorgMissing || !strings.Contains(err.Error(), "ModuleNotFoundError") {
		t.Errorf("broken binary: %v", err)
	}
	late, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := Find(late, path); err == nil {
		t.Error("a cancelled context was ignored")
	}
}

func TestVersionCache(t *testing.T) {
	dir := t.TempDir()
	path, calls := fakeBorg(t, dir, "borg 1.2.4")
	file := filepath.Join(dir, "cache")
	find := func(c *VersionCache, want string, wantCalls int) {
		t.Helper()
		tool, err := c.Find(t.Context(), path)
		if err != nil && CodeOf(err) != job.CodeBorgVersion {
			t.Fatal(err)
		}
		if tool.Version.String() != want || callCount(t, calls) != wantCalls {
			t.Fatalf("version %s after %d calls, want %s after %d", tool.Version, callCount(t, calls), want, wantCalls)
		}
	}
	c := OpenVersionCache(file)
	find(c, "1.2.4", 1)
	find(c, "1.2.4", 1)
	if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 {
		t.Fatalf("cache file: %v, %v", info, err)
	}
	find(OpenVersionCache(file), "1.2.4", 1) // another process
	writeScript(t, path, "echo x >> "+calls+"\necho borg 1.4.0\n")
	find(c, "1.4.0", 2)
	// A shell script does not show when what it starts is replaced.
	c.now = func() time.Time { return time.Now().Add(wrapperAge + time.Second) }
	find(c, "1.4.0", 3)
	c.now = func() time.Time { return time.Now().Add(-2 * wrapperAge) }
	find(c, "1.4.0", 4)
	if err := os.WriteFile(file, []byte("{damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	find(OpenVersionCache(file), "1.4.0", 5)
	// An unsupported version is refused from the cache, too.
	writeScript(t, path, "echo x >> "+calls+"\necho borg 2.0.0b25\n")
	find(c, "2.0.0b25", 6)
	if _, err := c.Find(t.Context(), path); CodeOf(err) != job.CodeBorgVersion {
		t.Errorf("from the cache: %v", err)
	}
}

func TestVersionCacheFollowsPythonPackage(t *testing.T) {
	venv := t.TempDir()
	for _, d := range []string{"bin", "lib/python3.11/site-packages/borg"} {
		if err := os.MkdirAll(filepath.Join(venv, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	interpreter := filepath.Join(venv, "bin/python3")
	module := filepath.Join(venv, "lib/python3.11/site-packages/borg/_version.py")
	script := filepath.Join(venv, "bin/borg")
	if err := errors.Join(
		os.Symlink("/bin/sh", interpreter),
		os.WriteFile(module, []byte("version = '1.2.4'"), 0o644),
		os.WriteFile(script, []byte("#!"+interpreter+"\necho borg 1.2.4\n"), 0o755),
	); err != nil {
		t.Fatal(err)
	}
	key, lasting, err := binaryKey(script)
	if err != nil || !lasting {
		t.Fatalf("binaryKey = %q, %v, %v", key, lasting, err)
	}
	if err := os.WriteFile(module, []byte("version = '1.4.0 '"), 0o644); err != nil {
		t.Fatal(err)
	}
	if again, _, _ := binaryKey(script); again == key {
		t.Error("an upgraded package was not noticed")
	}
	if _, lasting, err := binaryKey("/bin/true"); err != nil || !lasting {
		t.Errorf("a program: lasting %v, %v", lasting, err)
	}
}
