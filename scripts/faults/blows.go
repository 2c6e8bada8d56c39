package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

func healController(t *trial, _ fault) error { return t.controller.up() }

func healAgent(t *trial, f fault) error { return t.daemons[f.victim].up() }

func healLink(t *trial, f fault) error {
	t.env.Hosts[f.victim].Proxy.Restore()
	return nil
}

// healEverything brings the hosts back before the controller, or after it.
func healEverything(t *trial, f fault) error {
	order := []*unit{t.controller}
	for _, h := range hosts() {
		if f.at%2 == 0 {
			order = append(order, t.daemons[h])
		} else {
			order = append([]*unit{t.daemons[h]}, order...)
		}
	}
	var errs []error
	for _, u := range order {
		errs = append(errs, u.up())
	}
	return errors.Join(errs...)
}

// send signals processes; one that has just ended is none.
func send(sig syscall.Signal, pids ...int) error {
	for _, pid := range pids {
		if err := syscall.Kill(pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("signal %d: %w", pid, err)
		}
	}
	return nil
}

func toJobs(sig syscall.Signal) func(*trial, fault) error {
	return func(t *trial, f fault) error { return send(sig, t.env.Hosts[f.victim].JobProcesses()...) }
}

func toBorgs(sig syscall.Signal) func(*trial, fault) error {
	return func(t *trial, f fault) error { return send(sig, t.env.Hosts[f.victim].Borgs()...) }
}

func killJobAndBorg(t *trial, f fault) error {
	h := t.env.Hosts[f.victim]
	jobs, borgs := h.JobProcesses(), h.Borgs()
	if f.at%2 == 0 {
		jobs, borgs = borgs, jobs
	}
	return send(syscall.SIGKILL, append(jobs, borgs...)...)
}

// killHost leaves nothing of a host's processes: a daemon that is still there
// would start the next job process.
func killHost(t *trial, f fault) error {
	h := t.env.Hosts[f.victim]
	if err := t.daemons[f.victim].down(syscall.SIGKILL); err != nil {
		return err
	}
	return send(syscall.SIGKILL, append(h.JobProcesses(), h.Borgs()...)...)
}

// shutDownHost asks all of a host's processes to end, as systemd does: job
// processes and their borgs among them.
func shutDownHost(t *trial, f fault) error {
	h := t.env.Hosts[f.victim]
	if err := send(syscall.SIGTERM, append(h.JobProcesses(), h.Borgs()...)...); err != nil {
		return err
	}
	return t.daemons[f.victim].down(syscall.SIGTERM)
}

func killEverything(t *trial, f fault) error {
	errs := []error{t.controller.down(syscall.SIGKILL)}
	for _, h := range hosts() {
		errs = append(errs, killHost(t, fault{victim: h}))
	}
	return errors.Join(errs...)
}

// upgrade puts another file in the place of the program, as a package does.
func upgrade(t *trial, f fault) error {
	path := filepath.Join(t.env.Bin, "borgfleet-agent")
	fresh := fmt.Sprintf("%s.%s-%d", path, f.victim, f.at)
	if err := copyFile(path, fresh); err != nil {
		return err
	}
	if err := os.Rename(fresh, path); err != nil {
		return err
	}
	return t.daemons[f.victim].down(syscall.SIGTERM)
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

func flap(t *trial, f fault) error {
	for range 4 {
		t.env.Hosts[f.victim].Proxy.Cut()
		time.Sleep(f.lasts / 8)
		t.env.Hosts[f.victim].Proxy.Restore()
		time.Sleep(f.lasts / 8)
	}
	return nil
}

// killBorgGroup ends borg with whatever it has started.
func killBorgGroup(t *trial, f fault) error {
	for _, pid := range t.env.Hosts[f.victim].Borgs() {
		group, err := syscall.Getpgid(pid)
		if errors.Is(err, syscall.ESRCH) {
			continue
		}
		if err != nil {
			return err
		}
		if group == syscall.Getpgrp() {
			return fmt.Errorf("borg %d is in the harness's own process group", pid)
		}
		if err := send(syscall.SIGKILL, -group); err != nil {
			return err
		}
	}
	return nil
}

// drain asks a host to begin nothing new. A daemon that is away is not asked, and
// one that is started again has forgotten it.
func drain(t *trial, f fault) error {
	_, _ = t.env.Hosts[f.victim].CLI("drain", "--timeout", "1s") // with jobs at work its end is an error
	return nil
}

func endDrain(t *trial, f fault) error {
	_, _ = t.env.Hosts[f.victim].CLI("drain", "--end") // see healDrains
	return nil
}

// healDrains makes sure that all hosts take jobs.
func (t *trial) healDrains() error {
	if !slices.ContainsFunc(t.plan.faults(), func(f fault) bool { return f.kind.name == drainAgent }) {
		return nil
	}
	for _, h := range hosts() {
		err := t.env.Await(h+" takes jobs", func() (bool, error) {
			_, err := t.env.Hosts[h].CLI("drain", "--end")
			return err == nil, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
