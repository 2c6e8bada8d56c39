package main

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"borgfleet/scripts/testenv"
)

func (b *bench) smallTree(name string, files int) (string, error) {
	dir := filepath.Join(b.dir, "source-"+name)
	for i := range files {
		sub := filepath.Join(dir, fmt.Sprintf("d%03d", i/100))
		if err := os.MkdirAll(sub, 0o755); err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(sub, fmt.Sprintf("f%05d", i)), fmt.Appendf(nil, "content of file %d\n", i), 0o644); err != nil {
			return "", err
		}
	}
	return dir, nil
}

// follow asks for a job's status until want is satisfied, often enough that
// asking adds little to the figure.
func (b *bench) follow(id int64, want func(testenv.Job) bool) (testenv.Job, error) {
	for {
		j, err := b.env.API.Job(id)
		if err != nil || want(j) || j.Final() {
			return j, err
		}
		if err := b.ctx.Err(); err != nil {
			return j, err
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// tiny: a backup of ten files, from the REST call to the final status, beside
// the same borg alone.
func (b *bench) tiny() error {
	source, err := b.smallTree("tiny", 10)
	if err != nil {
		return err
	}
	repo, err := b.register("tiny", source)
	if err != nil {
		return err
	}
	bare, err := b.bareInit("tiny")
	if err != nil {
		return err
	}
	var alone, fleet sample
	for i := range b.pairs + 1 {
		t0 := time.Now()
		if err := b.bareCreate(bare, source).Run(); err != nil {
			return err
		}
		t1 := time.Now()
		id, err := b.env.API.Backup(repo)
		if err != nil {
			return err
		}
		time.Sleep(t1.Sub(t0) * 3 / 4) // asking takes CPU from what is measured
		j, err := b.follow(id, testenv.Job.Final)
		if err != nil {
			return err
		}
		if j.Status != "completed" {
			return fmt.Errorf("%s: %s", j.Status, j.ErrorMessage)
		}
		if i > 0 { // the first pair warms caches
			alone.add(t1.Sub(t0))
			fleet.add(time.Since(t1))
		}
	}
	b.say("tiny backup: bare borg", "", alone.ms())
	b.say("tiny backup: REST start to final status", "", fleet.ms())
	b.say("tiny backup: beyond bare borg", "<= 40 ms", differences(fleet, alone).ms())
	return nil
}

// toExec: from the REST call to the moment at which borg is executed.
func (b *bench) toExec() error {
	source, err := b.smallTree("exec", 1)
	if err != nil {
		return err
	}
	repo, err := b.register("exec", source)
	if err != nil {
		return err
	}
	var s sample
	for i := range 2*b.pairs + 1 {
		t0 := time.Now()
		id, err := b.env.API.Backup(repo)
		if err != nil {
			return err
		}
		time.Sleep(100 * time.Millisecond) // asking takes CPU from what is measured
		if _, err := b.follow(id, testenv.Job.Final); err != nil {
			return err
		}
		at, err := b.stamp(fileExecuted)
		if err != nil {
			return err
		}
		if i > 0 {
			s.add(at.Sub(t0))
		}
	}
	shim, err := b.shimCost()
	if err != nil {
		return err
	}
	for i := range s {
		s[i] -= shim.median()
	}
	b.say("start-up of the shim that takes the time (subtracted)", "", shim.ms())
	b.say("REST start to borg executing", "<= 15 ms", s.ms())
	return nil
}

// firstProgress: from borg's first message to the first REST answer that has it.
func (b *bench) firstProgress() error {
	source, err := b.smallTree("progress", 1)
	if err != nil {
		return err
	}
	repo, err := b.register("progress", source)
	if err != nil {
		return err
	}
	speak := filepath.Join(b.shimDir(), fileSpeak)
	if err := os.WriteFile(speak, nil, 0o600); err != nil {
		return err
	}
	defer os.Remove(speak)
	var s sample
	for range 2 * b.pairs {
		id, err := b.env.API.Backup(repo)
		if err != nil {
			return err
		}
		j, err := b.follow(id, func(j testenv.Job) bool { return j.Details.OriginalSize > 0 })
		seen := time.Now()
		if err != nil {
			return err
		}
		if j.Final() {
			return fmt.Errorf("job %d ended before its progress was seen", id)
		}
		at, err := b.stamp(fileSpoke)
		if err != nil {
			return err
		}
		s.add(seen.Sub(at))
		if _, err := b.follow(id, testenv.Job.Final); err != nil {
			return err
		}
	}
	b.say("borg's first progress message to REST", "<= 100 ms", s.ms())
	return nil
}

// cancel: from the REST call to borg gone and the lock free, beside SIGTERM to
// a bare borg in the same state.
func (b *bench) cancel() error {
	source, err := b.bigFile("cancel", 1<<30)
	if err != nil {
		return err
	}
	repo, err := b.register("cancel", source)
	if err != nil {
		return err
	}
	bare, err := b.bareInit("cancel")
	if err != nil {
		return err
	}
	var alone, fleet sample
	for range b.pairs {
		d, err := b.endBare(bare, source)
		if err != nil {
			return err
		}
		alone.add(d)
		if d, err = b.endFleet(repo); err != nil {
			return err
		}
		fleet.add(d)
	}
	b.say("cancel: bare borg, SIGTERM to gone and unlocked", "", alone.ms())
	b.say("cancel: REST call to gone and unlocked", "", fleet.ms())
	b.say("cancel: beyond borg's own", "<= 30 ms", differences(fleet, alone).ms())
	return nil
}

// readFor is how far into the big file borg is when it is told to end.
const readFor = 1500 * time.Millisecond

func (b *bench) endBare(repo, source string) (time.Duration, error) {
	cmd := b.bareCreate(repo, source)
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	time.Sleep(readFor)
	t0 := time.Now()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return 0, err
	}
	_ = cmd.Wait() // 143, as it should
	return time.Since(t0), b.unlocked(repo)
}

func (b *bench) endFleet(repo string) (time.Duration, error) {
	id, err := b.env.API.Backup(repo)
	if err != nil {
		return 0, err
	}
	if _, err := b.follow(id, func(j testenv.Job) bool { return j.Status == "running" }); err != nil {
		return 0, err
	}
	time.Sleep(readFor)
	t0 := time.Now()
	var out struct {
		Terminated bool `json:"process_terminated"`
	}
	if err := b.env.API.Post(fmt.Sprintf("/api/backup/cancel/%d", id), nil, &out); err != nil {
		return 0, err
	}
	d := time.Since(t0)
	if !out.Terminated {
		return 0, fmt.Errorf("job %d: no borg was ended", id)
	}
	return d, b.unlocked(repo)
}

func (b *bench) unlocked(repo string) error {
	if _, err := os.Stat(filepath.Join(repo, "lock.exclusive")); err == nil {
		return fmt.Errorf("%s is still locked", repo)
	}
	return nil
}
