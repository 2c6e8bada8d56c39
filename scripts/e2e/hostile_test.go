package e2e

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"borgfleet/scripts/testenv"
)

// TestHostileLines: whatever borg prints, the lines before and behind it are
// there, what is shown is text, and both sides go on.
func TestHostileLines(t *testing.T) {
	t.Parallel()
	noise := rand.NewChaCha8([32]byte{1})
	garbage := func(n int) string {
		b := make([]byte, n)
		noise.Read(b)
		return string(bytes.ReplaceAll(b, []byte{'\n'}, []byte{0}))
	}
	const big = 5 << 20
	strange := []string{
		`{"type": "log_message", "time": 1, "message": "Traceback` + strings.Repeat(`\n  File \"x\"`, big/11) + `", "levelname": "ERROR", "name": "borg"}`,
		strings.Repeat("\x00", big),
		garbage(big),
		`{"type": "file_status", "status": "A", "path": "` + strings.Repeat("\u0085", big/2) + `"}`,
		`{"type": "log_message", "message": "` + strings.Repeat(`\u0000`, 1<<20/6) + `", "levelname": "INFO", "name": "borg"}`,
		garbage(100),
		"\xff\xfe\xc3\x28 half a character \xe2\x82",
		"\x1b[2J\x1b]0;title\a",
		`{"type": "log_message", "message": {"not": ["text"]}, "levelname": 7}`,
		strings.Repeat("{", 100_000),
		`{"type": "archive_progress", "nfiles": 99999999999999999999999999, "original_size": -1, "path": null}`,
	}
	_, script := newTalker(t, func(w io.Writer) {
		for i, s := range strange {
			logLine(w, "WARNING", fmt.Sprintf("mark %d", i))
			io.WriteString(w, s+"\n")
		}
		logLine(w, "WARNING", fmt.Sprintf("mark %d", len(strange)))
	})
	env := newFleet(t, testenv.Fleet{
		Controller: []string{"--log-policy", "all"},
		Agents:     []testenv.Agent{{Name: "host", Env: script}},
	})
	repo := register(t, env, repository{Name: "r", Sources: []string{tree(t, 3)}, FileLog: "all"})
	memory := watchHost(env.Hosts["host"])
	resetPeak(t, env.Controller.PID())
	j := backup(t, env, repo)
	within(t, "agent's PSS", memory.end(), mostAgentHostile)
	within(t, "controller", peak(env.Controller.PID()), mostController)
	if j.Status != "completed" {
		t.Errorf("%s %.300q", j.Status, j.ErrorMessage)
	}
	lines, err := env.API.Lines(j.ID)
	fatal(t, err)
	marks, cut := 0, 0
	for _, l := range lines {
		switch {
		case strings.HasSuffix(l.Content, fmt.Sprintf("mark %d", marks)):
			marks++
		case strings.HasSuffix(l.Content, " [line truncated]"):
			cut++
		case strings.Contains(l.Content, "missing here"):
			t.Errorf("line %d: %.300q", l.Number, l.Content)
		}
		if !utf8.ValidString(l.Content) || len(l.Content) > 1<<19 || strings.ContainsAny(l.Content, "\x00\x1b\a\u0085") {
			t.Errorf("line %d has %d bytes: %.100q", l.Number, len(l.Content), l.Content)
		}
	}
	if marks != len(strange)+1 || cut != 5 {
		t.Errorf("%d of the lines between the strange ones, want %d; %d were cut, want 5", marks, len(strange)+1, cut)
	}
	if n, err := io.Copy(io.Discard, download(t, env, j.ID)); err != nil || n == 0 {
		t.Errorf("download: %d bytes, %v", n, err)
	}
}

// TestUnreadableFiles: ten thousand files that the agent may not read. The log
// names them all, the verdict is one line.
func TestUnreadableFiles(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("the agent is deprived of what root may read, which only root can be")
	}
	files := sized(1000, 10_000)
	source := t.TempDir()
	fatal(t, os.Chmod(source, 0o755))
	for i := range files {
		path := filepath.Join(source, fmt.Sprintf("secret-%05d", i))
		fatal(t, os.WriteFile(path, []byte("x"), 0))
		fatal(t, os.Lchown(path, 65534, 65534))
	}
	fatal(t, os.WriteFile(filepath.Join(source, "open"), []byte("x"), 0o644))
	env := newFleet(t, testenv.Fleet{
		Controller: []string{"--log-policy", "all"},
		Agents: []testenv.Agent{{Name: "host", Wrap: []string{
			"setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--inh-caps", "-dac_override,-dac_read_search",
		}}},
	})
	repo := register(t, env, repository{Name: "r", Sources: []string{source}})
	memory := watchHost(env.Hosts["host"])
	resetPeak(t, env.Controller.PID())
	j := backup(t, env, repo)
	within(t, "agent's PSS", memory.end(), mostAgent)
	within(t, "controller", peak(env.Controller.PID()), mostController)
	want := fmt.Sprintf("%d files could not be read: permission denied (%d)", files, files)
	if j.Status != "completed_with_warnings" || j.ErrorMessage != want {
		t.Errorf("%s %.300q, want %q", j.Status, j.ErrorMessage, want)
	}
	lines, err := env.API.Lines(j.ID)
	fatal(t, err)
	named := map[string]int{}
	for _, l := range lines {
		if _, name, ok := strings.Cut(l.Content, "/secret-"); ok {
			named[name[:5]]++
		}
	}
	if len(named) != files || len(lines) > files+10 {
		t.Errorf("%d of %d files are named in the log of %d lines", len(named), files, len(lines))
	}
	var body []byte
	fatal(t, env.API.Do(http.MethodGet, "/api/backup/status/"+itoa(j.ID), nil, &body))
	if len(body) > 64<<10 {
		t.Errorf("the job's status has %d bytes", len(body))
	}
	t.Logf("%q, %d lines, status of %d bytes", j.ErrorMessage, len(lines), len(body))
}
