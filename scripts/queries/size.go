package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"borgfleet/scripts/testenv"
)

// size is a store to measure.
type size struct {
	jobs, agents, repositories, schedules int
	writing                               bool // measure while something writes, too
	fleetOnly                             bool // only the answers about the whole fleet
}

// starts is how often the controller is started to see how long that takes.
const starts = 5

func (b *bench) measure(s size) (err error) {
	dir, err := b.filled(s)
	if err != nil {
		return err
	}
	env, err := testenv.Start(b.ctx, testenv.Fleet{Dir: dir, Bin: b.bin, Controller: []string{"--log-policy", "all"}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, env.Close()) }()
	fmt.Fprintf(b.out, "\n## %d jobs, %d agents, %d repositories\n\n", s.jobs, s.agents, s.repositories)
	if err := b.starts(env, s); err != nil {
		return err
	}
	questions, err := b.questions(env.API, s)
	if err != nil {
		return err
	}
	if err := b.ask(env, s, questions); err != nil {
		return err
	}
	after, err := memory(env.Controller.PID())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(b.out, "\nMemory afterwards: %s\n", after)
	return err
}

// filled gives a directory with a filled store in controller/: the one of the last
// time, if it was filled to its end and the same way.
func (b *bench) filled(s size) (string, error) {
	dir := filepath.Join(b.dir, fmt.Sprintf("%d-%d", s.jobs, s.agents))
	args := []string{
		"-data-dir", filepath.Join(dir, "controller"), "-jobs", fmt.Sprint(s.jobs), "-agents", fmt.Sprint(s.agents),
		"-repositories", fmt.Sprint(s.repositories), "-schedules", fmt.Sprint(s.schedules),
	}
	done := filepath.Join(dir, "filled")
	if how, err := os.ReadFile(done); err == nil && string(how) == fmt.Sprint(args) && !old(done) {
		return dir, nil
	}
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(b.ctx, b.fill, args...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("fill the store (%s): %w", b.fill, err)
	}
	return dir, os.WriteFile(done, fmt.Append(nil, args), 0o600)
}

// old: the newest jobs of a store were made when it was filled, and answers about
// the last day are to have some.
func old(path string) bool {
	info, err := os.Stat(path)
	return err != nil || time.Since(info.ModTime()) > 12*time.Hour
}

// starts measures from the program's start to the first page, what it holds in
// memory then, and what a job takes on the disk.
func (b *bench) starts(env *testenv.Env, s size) error {
	var took []time.Duration
	for range starts {
		if err := env.Controller.Stop(); err != nil {
			return err
		}
		began := time.Now()
		if err := env.Controller.Start(); err != nil {
			return err
		}
		if err := env.API.Get("/api/backup/jobs?limit=50", nil); err != nil {
			return err
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	held, err := memory(env.Controller.PID())
	if err != nil {
		return err
	}
	bytes, err := onDisk(filepath.Join(env.Controller.DataDir, "store"))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(b.out, "Start to the first page: %d ms (%d to %d). Memory then: %s. On the disk: %d bytes a job, %d MiB.\n\n",
		took[starts/2].Milliseconds(), took[0].Milliseconds(), took[starts-1].Milliseconds(), held, bytes/int64(s.jobs), bytes>>20)
	return err
}

func onDisk(dir string) (bytes int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			bytes += blocks(info)
		}
		return err
	})
	return bytes, err
}
