package access

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"borgfleet/agent/internal/borg"
	"borgfleet/agent/internal/policy"
	"borgfleet/agent/internal/state"
	"borgfleet/shared/job"
	"borgfleet/shared/seal"
)

func shell(script string) []string { return []string{"/bin/sh", "-c", script} }

func TestCommand(t *testing.T) {
	cases := map[string]struct{ script, pass, said, err string }{
		"plain":           {"echo 'correct horse'", "correct horse", "", ""},
		"no newline":      {"printf secret", "secret", "", ""},
		"first line":      {`printf 'secret\r\nsecond\n'`, "secret", "", ""},
		"spaces are its":  {"echo ' secret '", " secret ", "", ""},
		"says something":  {"echo looking up secret >&2; echo secret", "secret", "looking up ***", ""},
		"fails":           {"echo secret; echo no secret here >&2; exit 3", "", "no *** here", "/bin/sh ended with exit status 3: run it by hand"},
		"killed":          {"kill -9 $$", "", "", "ended with signal: killed"},
		"prints nothing":  {"true", "", "", "nothing on its first line"},
		"an empty line":   {"echo; echo secret", "", "", "nothing on its first line"},
		"a lot":           {"yes | head -c 50000000", "y", "", ""},
		"a lot in a line": {"head -c 5000000 /dev/zero | tr '\\0' x", "", "", "more than 32768 bytes"},
		"asks":            {`read x; echo "read $?"`, "read 1", "", ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pass, said, err := fromCommand(t.Context(), shell(c.script))
			if string(pass) != c.pass || strings.Join(said, "|") != c.said {
				t.Errorf("gives %.80q and says %q", pass, said)
			}
			if (err == nil) != (c.err == "") || err != nil && (!strings.Contains(err.Error(), c.err) || borg.CodeOf(err) != job.CodePassphrase || strings.Contains(err.Error(), "secret")) {
				t.Errorf("error %v", err)
			}
		})
	}
	_, _, err := fromCommand(t.Context(), []string{"/nowhere/secret", "--key=x"})
	if err == nil || !strings.Contains(err.Error(), "/nowhere/secret cannot be run") || strings.Contains(err.Error(), "--key") {
		t.Error(err)
	}
}

func TestCommandsEnvironment(t *testing.T) {
	t.Setenv("BORG_PASSPHRASE", "x")
	out := run(t.Context(), []string{"/usr/bin/env"}, "/home/me", time.Minute)
	want := "HOME=/home/me\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nLANG=C.UTF-8\n"
	if string(out.stdout) != want || out.err != nil {
		t.Errorf("%q, %v", out.stdout, out.err)
	}
}

// TestCommandIsEndedWhole: with its time, and when its first process has gone.
func TestCommandIsEndedWhole(t *testing.T) {
	for name, end := range map[string]string{"hangs": "wait", "goes first": "echo secret"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "pid")
			began := time.Now()
			out := run(t.Context(), shell("sleep 1000 & echo $! > "+file+"; "+end), "/", 300*time.Millisecond)
			if (out.err != nil) != (name == "hangs") || out.err != nil && out.err.Error() != "did not end within 300ms" {
				t.Errorf("%q, %v", out.stdout, out.err)
			}
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("it took %s", took)
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
			if err != nil {
				t.Fatal(err)
			}
			// A zombie whose parent has gone is reaped by others, soon.
			for range 2000 {
				if err := unix.Kill(pid, 0); errors.Is(err, unix.ESRCH) {
					return
				}
				if stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat"); err == nil && strings.Contains(string(stat), ") Z ") {
					return
				}
				time.Sleep(time.Millisecond)
			}
			t.Error("its child lives on")
		})
	}
}

func TestCommandEndsWithTheJob(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, _, err := fromCommand(ctx, []string{"/bin/sleep", "1000"}); err == nil {
		t.Error("it went well")
	}
}

func TestFile(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for path, want := range map[string]string{
		write("plain", "secret", 0o600):       "secret",
		write("newlines", "a b \n\n", 0o400):  "a b ",
		write("two lines", "one\ntwo", 0o600): "one\ntwo",
	} {
		if pass, err := fromFile(path); string(pass) != want || err != nil {
			t.Errorf("%s: %q, %v", path, pass, err)
		}
	}
	for path, want := range map[string]string{
		write("open", "secret", 0o640):                    "chmod 600",
		write("empty", "\n", 0o600):                       "is empty",
		write("big", strings.Repeat("x", 200<<10), 0o600): "is no passphrase",
		dir:                       "not a regular file",
		filepath.Join(dir, "not"): "no such file",
	} {
		pass, err := fromFile(path)
		if pass != nil || err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "agent.yaml") || borg.CodeOf(err) != job.CodePassphrase {
			t.Errorf("%s: %q, %v, not %q", path, pass, err, want)
		}
	}
}

// TestTheHostsOwnWins over a seal, and a seal is opened where there is nothing.
func TestTheHostsOwnWins(t *testing.T) {
	st, err := state.At(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	key, err := seal.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	if err := key.Save(st.AgeKey()); err != nil {
		t.Fatal(err)
	}
	sealed, err := seal.Seal(key.Recipient(), "a1", "a1:/srv/web", []byte("sealed"))
	if err != nil {
		t.Fatal(err)
	}
	id := state.Identity{AgentID: "a1"}
	conf := policy.Config{Repositories: []policy.Repository{
		{Location: "/srv/we?", PassphraseCommand: []string{"/bin/echo", "the host's"}},
		{Location: "/srv/**", BorgBaseDir: "/x"},
	}}
	for _, c := range []struct {
		conf policy.Config
		repo job.Repository
		want string
	}{
		{conf, job.Repository{Path: "/srv/web", PassphraseSealed: sealed}, "the host's"},
		{conf, job.Repository{Path: "/srv/web"}, "the host's"},
		{conf, job.Repository{Path: "/srv/web", Encryption: "none"}, ""},
		{policy.Config{Repositories: conf.Repositories[1:]}, job.Repository{Path: "/srv/web", PassphraseSealed: sealed}, "sealed"},
		{policy.Config{}, job.Repository{Path: "/srv/web", PassphraseSealed: sealed}, "sealed"},
		{policy.Config{}, job.Repository{Path: "/srv/web"}, ""},
	} {
		pass, _, err := Passphrase(t.Context(), st, id, c.conf, c.repo)
		if string(pass) != c.want || err != nil {
			t.Errorf("%+v: %q, %v", c.repo, pass, err)
		}
	}
}
