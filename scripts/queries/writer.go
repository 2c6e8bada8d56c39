package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"borgfleet/scripts/testenv"
)

// writer writes until it is ended.
type writer struct {
	stop func()
	done chan error
}

func (w writer) end() error {
	w.stop()
	return <-w.done
}

// startWriter starts what was asked for, or starts and cancels jobs.
func (b *bench) startWriter(env *testenv.Env) (writer, error) {
	if b.writer != "" {
		return b.startCommand(env)
	}
	var repos struct {
		Repositories []struct{ ID int64 }
	}
	if err := env.API.Get("/api/repositories", &repos); err != nil {
		return writer{}, err
	}
	if len(repos.Repositories) == 0 {
		return writer{}, errors.New("there is no repository to write about")
	}
	ctx, cancel := context.WithCancel(b.ctx)
	w := writer{cancel, make(chan error, 1)}
	go func() {
		tick := time.NewTicker(startEach)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-ctx.Done():
				w.done <- nil
				return
			case <-tick.C:
			}
			if err := startAndCancel(env.API, repos.Repositories[n%len(repos.Repositories)].ID); err != nil {
				w.done <- fmt.Errorf("while writing: %w", err)
				return
			}
		}
	}()
	return w, nil
}

// startEach: fifty jobs a second, each of which is written twice, and twice into the
// audit log.
const startEach = 20 * time.Millisecond

// startAndCancel: the hosts of a filled store are not there, so a job waits, and a
// cancel ends it at once.
func startAndCancel(api *testenv.API, repository int64) error {
	id, err := api.Backup(fmt.Sprint(repository))
	if err != nil {
		return err
	}
	return api.Post(fmt.Sprintf("/api/backup/cancel/%d", id), nil, nil)
}

// startCommand runs a command in a process group of its own, which is ended with it.
func (b *bench) startCommand(env *testenv.Env) (writer, error) {
	ctx, cancel := context.WithCancel(b.ctx)
	cmd := exec.CommandContext(ctx, "sh", "-c", b.writer)
	cmd.Env = append(os.Environ(), "BORGFLEET_SERVER="+env.API.URL, "BORGFLEET_TOKEN="+env.API.Token, "BORGFLEET_DATA_DIR="+env.Controller.DataDir)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 30 * time.Second
	if err := cmd.Start(); err != nil {
		cancel()
		return writer{}, err
	}
	w := writer{cancel, make(chan error, 1)}
	go func() {
		err := cmd.Wait()
		if ctx.Err() != nil {
			err = nil // how it ended says nothing: it was told to
		} else {
			err = fmt.Errorf("the writer ended before it was told to: %v", err)
		}
		w.done <- err
	}()
	return w, nil
}
