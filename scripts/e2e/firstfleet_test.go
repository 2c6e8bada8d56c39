package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"borgfleet/scripts/testenv"
)

// block is a fenced block of a document, with what it is expected to print.
type block struct {
	who    string // cli, curl, or the machine to run it on; empty: both, or this one
	wait   bool   // run again until it prints what it should
	script string
	want   []string
}

// blocks reads the commands of a document, and after each what they print.
func blocks(t *testing.T, file string) []block {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out []block
	fence := regexp.MustCompile("(?ms)^```(sh|text)(?: ([a-z0-9]+))?( wait)?\n(.*?)^```$")
	for _, m := range fence.FindAllStringSubmatch(string(data), -1) {
		switch {
		case m[1] == "sh":
			out = append(out, block{who: m[2], wait: m[3] != "", script: m[4]})
		case len(out) > 0:
			last := &out[len(out)-1]
			last.want = append(last.want, strings.Split(strings.TrimSpace(m[4]), "\n")...)
		}
	}
	if len(out) == 0 {
		t.Fatalf("%s has no commands", file)
	}
	return out
}

// TestFirstFleet runs docs/first-fleet.md as a reader would type it, in one
// shell: once with the command line alone, once with curl alone.
func TestFirstFleet(t *testing.T) {
	t.Parallel()
	env := newFleet(t, testenv.Fleet{})
	all := blocks(t, filepath.Join("..", "..", "docs", "first-fleet.md"))
	for _, way := range []string{"cli", "curl"} {
		t.Run(way, func(t *testing.T) {
			var mine []block
			for _, b := range all {
				if b.who == "" || b.who == way {
					mine = append(mine, b)
				}
			}
			walk(t, env.Bin, mine)
		})
	}
}

// TestRecoveryDocument runs docs/recovery.md: the drill for a host that is gone.
func TestRecoveryDocument(t *testing.T) {
	t.Parallel()
	env := newFleet(t, testenv.Fleet{})
	walk(t, env.Bin, blocks(t, filepath.Join("..", "..", "docs", "recovery.md")))
}

// TestRESTDocument runs docs/rest.md: what scripts and dashboards do.
func TestRESTDocument(t *testing.T) {
	t.Parallel()
	env := newFleet(t, testenv.Fleet{})
	walk(t, env.Bin, blocks(t, filepath.Join("..", "..", "docs", "rest.md")))
}

// TestFleetQuestionsDocument runs docs/fleet-questions.md: what is stale, what
// shrank until somebody accepts it, and what was done by day.
func TestFleetQuestionsDocument(t *testing.T) {
	t.Parallel()
	env := newFleet(t, testenv.Fleet{})
	walk(t, env.Bin, blocks(t, filepath.Join("..", "..", "docs", "fleet-questions.md")))
}

// TestControllerBackupDocument runs docs/controller-backup.md: a controller is lost,
// and comes back.
func TestControllerBackupDocument(t *testing.T) {
	t.Parallel()
	env := newFleet(t, testenv.Fleet{})
	walk(t, env.Bin, blocks(t, filepath.Join("..", "..", "docs", "controller-backup.md")))
}

// TestMigrationDocuments runs docs/from-cron.md and docs/from-borg-ui.md.
func TestMigrationDocuments(t *testing.T) {
	t.Parallel()
	env := newFleet(t, testenv.Fleet{})
	for _, document := range []string{"from-cron.md", "from-borg-ui.md"} {
		t.Run(document, func(t *testing.T) {
			t.Parallel()
			walk(t, env.Bin, blocks(t, filepath.Join("..", "..", "docs", document)))
		})
	}
}

const mark = "#### block"

// walk runs blocks and looks for what each should print, in its order.
func walk(t *testing.T, bin string, blocks []block) {
	home := t.TempDir()
	api, err := testenv.FreePort()
	fatal(t, err)
	agents, err := testenv.FreePort()
	fatal(t, err)
	var script strings.Builder
	script.WriteString("set -eu -o pipefail\nexec 2>&1\n")
	for i, b := range blocks {
		fmt.Fprintf(&script, "echo '%s %d'\n%s", mark, i, b.script)
	}
	// The document has the usual ports, which another test may have.
	text := strings.NewReplacer("localhost:5000", "127.0.0.1:"+api, "localhost:5443", "127.0.0.1:"+agents).Replace(script.String())
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute) // not how long it takes: when it says that something is wrong
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", text)
	cmd.Env = []string{
		"HOME=" + home, "PATH=" + bin + ":" + os.Getenv("PATH"), "LANG=C.UTF-8",
		"BORGFLEET_API_LISTEN=127.0.0.1:" + api, "BORGFLEET_AGENT_LISTEN=127.0.0.1:" + agents,
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	end := func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // the controller and agent of a walk that failed
	cmd.Cancel = end
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.CombinedOutput()
	_ = end()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, logsOf(home))
	}
	said := strings.Split(string(out), mark)[1:]
	if len(said) != len(blocks) {
		t.Fatalf("%d of %d blocks were run:\n%s", len(said), len(blocks), out)
	}
	for i, b := range blocks {
		if missing := lacks(said[i], b.want); missing != "" {
			t.Errorf("after\n%s\nthere is no %q in\n%s", b.script, missing, said[i])
		}
	}
}

// lacks gives the first of want that is not in text after those before it. An
// ellipsis stands for anything in a line, spaces for any number of them.
func lacks(text string, want []string) string {
	for _, w := range want {
		var parts []string
		for _, part := range strings.Split(strings.TrimSpace(w), "…") {
			parts = append(parts, strings.Join(strings.Fields(regexp.QuoteMeta(part)), `\s+`))
		}
		at := regexp.MustCompile(strings.Join(parts, ".*")).FindStringIndex(text)
		if at == nil {
			return w
		}
		text = text[at[1]:]
	}
	return ""
}

func logsOf(home string) string {
	var out strings.Builder
	for _, name := range []string{"controller.log", "agent.log"} {
		found, _ := filepath.Glob(filepath.Join(home, "*", name))
		for _, file := range found {
			data, _ := os.ReadFile(file)
			fmt.Fprintf(&out, "%s:\n%s\n", name, data)
		}
	}
	return out.String()
}
