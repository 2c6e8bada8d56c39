package e2e

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"borgfleet/scripts/testenv"
)

// TestStateDiskFloor: the disk of an agent's jobs runs full while borg talks.
// Below the floor file lists are left out, warnings and errors are not; on a full
// disk borg goes on, and the verdict waits until it can be written.
func TestStateDiskFloor(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("a small file system needs root for its mount")
	}
	const files = 20_000
	talker, script := newTalker(t, func(w io.Writer) {
		logLine(w, "WARNING", "the first warning")
		fileLines(w, files, 20)
		logLine(w, "WARNING", "a warning below the floor")
		logLine(w, "ERROR", "an error below the floor")
	})
	env := newFleet(t, testenv.Fleet{
		Controller: []string{"--log-policy", "all"},
		Agents: []testenv.Agent{{Name: "host", Env: script, Wrap: []string{
			// The mount is in a namespace of the agent's own and goes with it. $0 is
			// the agent, $3 its state directory.
			"unshare", "--mount", "sh", "-c", `mount -t tmpfs -o size=80m none "$3/jobs" && exec "$0" "$@"`,
		}}},
	})
	host := env.Hosts["host"]
	repo := register(t, env, repository{Name: "r", Sources: []string{tree(t, 3)}, FileLog: "all"})
	// As the agent sees it.
	ballast := filepath.Join("/proc", itoa(int64(host.PID())), "root", host.StateDir, "jobs", ".new-ballast")

	t.Run("below the floor", func(t *testing.T) {
		grow(t, ballast, 40*megabyte)
		j := backup(t, env, repo)
		if j.Status != "completed" {
			t.Errorf("%s %q", j.Status, j.ErrorMessage)
		}
		flood := readFlood(t, download(t, env, j.ID))
		if flood.kept != 0 || flood.missing != files+treeLines {
			t.Errorf("%d lines of the file list kept, %d missing of %d", flood.kept, flood.missing, files+treeLines)
		}
		for _, want := range []string{"the first warning", "a warning below the floor", "an error below the floor", "the agent's disk is nearly full"} {
			if !flood.has(want) {
				t.Errorf("the log lacks %q", want)
			}
		}
	})
	t.Run("full", func(t *testing.T) {
		talker.wait(t)
		id := start(t, env, repo)
		_, err := env.AwaitJob(id, "runs", func(j testenv.Job) bool { return j.Status == "running" })
		fatal(t, err)
		grow(t, ballast, 1<<40)
		talker.start(t)
		talker.took(t, env)
		fatal(t, env.Await("borg has ended", func() (bool, error) {
			grow(t, ballast, 1<<40) // also what is given back is taken
			return len(host.Borgs()) == 0, nil
		}))
		if j, err := env.API.Job(id); err != nil || j.Status != "running" || !j.AgentOnline {
			t.Errorf("without a verdict the job is %+v, %v", j, err)
		}
		fatal(t, os.Remove(ballast))
		j, err := env.Finish(id)
		fatal(t, err)
		// What borg answered had no room: the repository was asked.
		if j.Status != "completed" || j.Details.NFiles != 3 {
			t.Errorf("%s %s %q, %d files", j.Status, j.ErrorCode, j.ErrorMessage, j.Details.NFiles)
		}
		flood := readFlood(t, download(t, env, id))
		t.Logf("%s: %d lines kept, %d counted", j.Status, flood.kept, flood.missing)
		if flood.gaps == 0 || flood.kept+flood.missing < files {
			t.Errorf("%d lines kept, %d counted, of %d", flood.kept, flood.missing, files)
		}
	})
	if got := archives(t, env, "", repo); len(got) != 2 {
		t.Errorf("%d archives", len(got))
	}
}

// grow makes a file as long as that, or as its disk allows.
func grow(t *testing.T, path string, size int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	fatal(t, err)
	defer f.Close()
	block := make([]byte, 64<<10)
	for at, _ := f.Seek(0, io.SeekEnd); at < size; {
		n, err := f.Write(block[:min(int64(len(block)), size-at)])
		at += int64(n)
		if err != nil && len(block) > 4096 {
			block = block[:4096]
		} else if err != nil {
			return
		}
	}
}
