package e2e

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"borgfleet/scripts/testenv"
)

// secrets are what must be nowhere, in the forms in which it would be there.
type secrets struct {
	mu  sync.RWMutex // they become more while they are watched for
	all map[string][]byte
}

func (s *secrets) add(name string, secret []byte) {
	s.addForm(name, secret)
	s.addForm(name+", base64", []byte(base64.RawStdEncoding.EncodeToString(secret)))
	s.addForm(name+", base64 in the middle of something", []byte(base64.RawStdEncoding.EncodeToString(append([]byte("x"), secret...)))[2:])
	s.addForm(name+", hex", []byte(hex.EncodeToString(secret)))
}

func (s *secrets) addForm(name string, form []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[string][]byte{}
	}
	s.all[name] = form
}

func (s *secrets) in(data []byte) (name string, found bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for name, secret := range s.all {
		// Without the end, which in base64 depends on what follows.
		if bytes.Contains(data, secret[:len(secret)-2]) {
			return name, true
		}
	}
	return "", false
}

// zstdMagic begins what is packed, such as the log chunks of the store and the
// frames of a backup.
var zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}

// anywhere looks into what is packed as well, and into what is packed in that.
func (s *secrets) anywhere(data []byte) (string, bool) {
	if name, found := s.in(data); found {
		return name, true
	}
	for at := 0; ; at++ {
		next := bytes.Index(data[at:], zstdMagic)
		if next < 0 {
			return "", false
		}
		at += next
		r, err := zstd.NewReader(bytes.NewReader(data[at:]), zstd.WithDecoderConcurrency(1))
		if err != nil {
			continue
		}
		unpacked, _ := io.ReadAll(io.LimitReader(r, 64<<20)) // what follows a frame is no frame
		r.Close()
		if len(unpacked) > 0 {
			if name, found := s.anywhere(unpacked); found {
				return name + ", packed", true
			}
		}
	}
}

// below looks into every file below dir; it gives how many there were.
func (s *secrets) below(t *testing.T, dir string, skip ...string) (files int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return nil // temporary files come and go
		}
		for _, no := range skip {
			if strings.HasPrefix(path, no) {
				return nil
			}
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return nil
		}
		files++
		if name, found := s.anywhere(data); found {
			t.Errorf("%s is in %s", name, path)
		}
		return nil
	})
	fatal(t, err)
	return files
}

// watch looks at the command line and the environment of every process there is,
// again and again, until it is stopped. saw says which of words stood on a
// command line: else it may have looked at nothing.
func (s *secrets) watch(t *testing.T, words ...string) (stop func() (saw map[string]bool)) {
	done, ended := make(chan struct{}), make(chan struct{})
	seen := map[string]bool{}
	told := map[string]bool{}
	go func() {
		defer close(ended)
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			entries, err := os.ReadDir("/proc")
			if err != nil {
				continue
			}
			for _, e := range entries {
				if _, err := strconv.Atoi(e.Name()); err != nil {
					continue
				}
				for _, what := range []string{"cmdline", "environ"} {
					data, err := os.ReadFile(filepath.Join("/proc", e.Name(), what))
					if err != nil {
						continue
					}
					for _, w := range words {
						seen[w] = seen[w] || what == "cmdline" && bytes.Contains(data, []byte("\x00"+w+"\x00"))
					}
					if name, found := s.in(data); found && !told[name+what] {
						told[name+what] = true
						t.Errorf("%s is in the %s of %q", name, what, bytes.ReplaceAll(data[:min(len(data), 200)], []byte{0}, []byte{' '}))
					}
				}
			}
		}
	}()
	return func() map[string]bool {
		close(done)
		<-ended
		return seen
	}
}

// TestSecretsAreNowhere: passphrases, given at the command line and to REST in
// clear, borg's keys and the recovery key are in no file of the controller, in
// no backup of it, in no log, in no answer, in no agent's state but where they
// belong, and on no command line and in no environment, during init, backup,
// restore, rotation and recovery, and after.
func TestSecretsAreNowhere(t *testing.T) {
	t.Parallel()
	s := &secrets{}
	passphrases := map[string]string{}
	for _, name := range []string{"keyfile", "repokey-blake2"} {
		raw := make([]byte, 24)
		_, _ = rand.Read(raw)
		passphrases[name] = hex.EncodeToString(raw)
		s.add("the passphrase of "+name, []byte(passphrases[name]))
	}
	stop := s.watch(t, "init", "create", "extract", "export")
	out := filepath.Join(t.TempDir(), "out")
	fatal(t, os.Mkdir(out, 0o700))
	env := newFleet(t, testenv.Fleet{
		Controller: []string{"--log-level", "debug", "--log-policy", "all"},
		Agents:     []testenv.Agent{{Name: "host", Allow: []string{"--allow-destination", out}}},
	})
	safe := t.TempDir()
	identity := filepath.Join(safe, "recovery-key")
	fatal(t, os.Rename(filepath.Join(env.Controller.DataDir, "initial-recovery-key"), identity))
	private, err := os.ReadFile(identity)
	fatal(t, err)
	s.addForm("the recovery key", bytes.TrimSpace(private[bytes.Index(private, []byte("AGE-SECRET-KEY-1")):]))

	source := bigTree(t, 16<<20)
	paths := map[string]string{}
	// One at the command line, one with REST in clear.
	file := filepath.Join(safe, "pass")
	fatal(t, os.WriteFile(file, []byte(passphrases["keyfile"]+"\n"), 0o600))
	paths["keyfile"] = filepath.Join(env.Repositories(), "keyfile")
	_, err = env.Controller.CLI("repositories", "create", "keyfile", paths["keyfile"], "--agent", "host", "--encryption", "keyfile", "--passphrase-file", file, "--source", source)
	fatal(t, err)
	fatal(t, env.Await("the repository is ready", func() (bool, error) {
		var r struct{ Status string }
		err := env.API.Get("/api/repositories/1", &r)
		return r.Status == "ready", err
	}))
	paths["repokey-blake2"] = register(t, env, repository{Name: "repokey", Encryption: "repokey-blake2", Passphrase: passphrases["repokey-blake2"], Sources: []string{source}})
	for mode, path := range paths {
		key := exported(t, env, mode, path)
		s.addForm("borg's key of "+mode, key)
		j := backup(t, env, path)
		if j.Status != "completed" {
			t.Fatalf("%+v", j)
		}
		var started struct {
			ID int64 `json:"job_id"`
		}
		fatal(t, env.API.Post("/api/restore/start", map[string]any{"repository": path, "archive": j.ArchiveName, "destination": filepath.Join(out, mode)}, &started))
		if j, err = env.Finish(started.ID); err != nil || !well(j) {
			t.Fatalf("%+v, %v", j, err)
		}
	}
	access(t, env, s)
	// The same passphrase, set again: it is tried, sealed and told once more.
	_, err = env.Controller.CLI("repositories", "update", "keyfile", "--passphrase-file", file)
	fatal(t, err)
	fatal(t, os.Remove(file))
	saved := filepath.Join(env.Dir, "controller.backup")
	_, err = env.Controller.CLI("db", "backup", saved)
	fatal(t, err)
	recovered := filepath.Join(safe, "recovered")
	_, err = env.Controller.CLI("repositories", "recover", "keyfile", "--identity-file", identity, "--backup", saved, "--to", recovered)
	fatal(t, err)
	if data, err := os.ReadFile(filepath.Join(recovered, "passphrase")); err != nil || string(data) != passphrases["keyfile"] {
		t.Errorf("another passphrase was recovered, or none: %v", err)
	}
	saw := stop()
	for _, word := range []string{"create", "extract"} {
		if !saw[word] {
			t.Errorf("no borg %s was looked at: the test looks at nothing", word)
		}
	}

	answers(t, env, s)
	host := env.Hosts["host"]
	look := func(when string) {
		t.Helper()
		// borg's own keys belong below borg/ of the state, and in the repositories; the
		// first password and what signs logins in a file of their own.
		for dir, skip := range map[string][]string{
			env.Controller.DataDir:         {env.Controller.PasswordFile(), tokenKey(env)},
			host.StateDir:                  {filepath.Join(host.StateDir, "borg", ".config", "borg", "keys")},
			filepath.Join(env.Dir, "logs"): nil, filepath.Join(env.Dir, "home"): nil,
		} {
			if n := s.below(t, dir, skip...); n == 0 && !strings.HasSuffix(dir, "home") {
				t.Errorf("%s: nothing was looked at in %s", when, dir)
			}
		}
		data, err := os.ReadFile(saved)
		fatal(t, err)
		if name, found := s.anywhere(data); found {
			t.Errorf("%s: %s is in the backup of the controller", when, name)
		}
	}
	look("while it runs")
	fatal(t, host.Stop())
	fatal(t, env.Controller.Stop())
	look("after it has stopped")
}

func tokenKey(env *testenv.Env) string { return filepath.Join(env.Controller.DataDir, "token.key") }

// access uses what lets people and hosts in, each kind once: logins, one of them
// ended, an API token, a token for one log, a join token, and the first password.
func access(t *testing.T, env *testenv.Env, s *secrets) {
	t.Helper()
	password, err := os.ReadFile(env.Controller.PasswordFile())
	fatal(t, err)
	s.add("the first password", bytes.TrimSpace(password))
	key, err := os.ReadFile(tokenKey(env))
	fatal(t, err)
	s.addForm("what signs logins, hex", bytes.TrimSpace(key))
	raw, err := hex.DecodeString(string(bytes.TrimSpace(key)))
	fatal(t, err)
	s.addForm("what signs logins", raw)

	login := func(name, token string) {
		t.Helper()
		s.add(name, []byte(token))
		s.addForm(name+", its signature", []byte(token[strings.LastIndex(token, ".")+1:]))
	}
	login("a login", env.API.Token)
	other, err := env.Login(t.Context())
	fatal(t, err)
	login("a login that was ended", other.Token)
	fatal(t, other.Post("/api/auth/logout", nil, nil))
	var program struct{ Token string }
	fatal(t, env.API.Post("/api/tokens", map[string]string{"name": "program"}, &program))
	s.add("an API token", []byte(program.Token))
	s.addForm("an API token, its secret", []byte(strings.SplitN(program.Token, "_", 3)[2]))
	var link struct{ Token string }
	fatal(t, env.API.Post("/api/backup/logs/1/download-token", nil, &link))
	login("a token for a log", link.Token)
	for _, path := range []string{"/api/backup/logs/1/download?token=" + link.Token, "/api/backup/jobs?token=" + env.API.Token} {
		_, _, err = env.API.Send(newRequest(t, env, "GET", path, ""))
		fatal(t, err)
	}
	used := *env.API
	used.Token = program.Token
	fatal(t, used.Get("/api/repositories", nil))
	join, err := env.Controller.JoinToken()
	fatal(t, err)
	s.add("a join token", []byte(join))
}

// exported is a line in the middle of borg's own export of a key: it is in each
// copy of the key, whatever is around it.
func exported(t *testing.T, env *testenv.Env, mode, path string) []byte {
	t.Helper()
	cmd := exec.Command("borg", "key", "export", path, "-")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "BORG_BASE_DIR=" + filepath.Join(env.Hosts["host"].StateDir, "borg"), "LANG=C.UTF-8"}
	out, err := cmd.Output()
	fatal(t, err)
	lines := strings.Split(string(out), "\n")
	if len(lines) < 4 || len(lines[2]) < 40 {
		t.Fatalf("%s: borg exports %d lines", mode, len(lines))
	}
	return []byte(lines[2])
}

// answers looks into what REST tells: everything but what is to be downloaded
// for the recovery key, and that too.
func answers(t *testing.T, env *testenv.Env, s *secrets) {
	t.Helper()
	asked := []string{"/api/repositories", "/api/agents", "/api/backup/jobs?kind=backup&kind=init&kind=list&kind=restore", "/api/fleet/recovery-key"}
	for id := 1; id <= 2; id++ {
		asked = append(asked, fmt.Sprintf("/api/repositories/%d", id), fmt.Sprintf("/api/repositories/%d/recovery", id))
	}
	for id := 1; id <= 8; id++ {
		asked = append(asked, fmt.Sprintf("/api/backup/status/%d", id), fmt.Sprintf("/api/backup/logs/%d/stream", id))
	}
	told := 0
	for _, path := range asked {
		data, resp, err := env.API.Send(newRequest(t, env, "GET", path, ""))
		if err != nil || resp.StatusCode != 200 {
			continue // fewer jobs
		}
		told++
		if name, found := s.anywhere(data); found {
			t.Errorf("%s is in the answer to %s", name, path)
		}
	}
	if told < 12 {
		t.Errorf("only %d answers were looked at", told)
	}
}
