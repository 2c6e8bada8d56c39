package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// clockFile is what a machine's clock is off by; no host: the controller's.
func (t *trial) clockFile(host string) string { return filepath.Join(t.dir, "clock-"+host) }

// stepClocks sets the controller's clock and one host's, each by up to three
// hours in either direction.
func stepClocks(t *trial, f fault) error {
	return errors.Join(t.stepClock("", far(f.lasts)), t.stepClock(f.victim, far(f.at)))
}

// far makes an offset of up to three hours of a drawn time.
func far(drawn time.Duration) time.Duration {
	by := drawn.Truncate(time.Microsecond) * 5000 % (3 * time.Hour)
	if drawn.Microseconds()%2 == 0 {
		return -by
	}
	return by
}

// healRefused restarts the daemons where a controller's clock may have been behind
// their certificates: whom it refused for that tries again in five minutes, or when
// somebody restarts it.
func (t *trial) healRefused() error {
	if !slices.ContainsFunc(t.plan.faults(), func(f fault) bool { return f.kind.name == stepClocksName }) {
		return nil
	}
	var errs []error
	for _, h := range hosts() {
		errs = append(errs, t.daemons[h].down(syscall.SIGTERM), t.daemons[h].up())
	}
	return errors.Join(errs...)
}

const stepClocksName = "step-clocks"

func (t *trial) goodClocks() error {
	err := t.stepClock("", 0)
	for _, h := range hosts() {
		err = errors.Join(err, t.stepClock(h, 0))
	}
	return err
}

func (t *trial) stepClock(host string, by time.Duration) error {
	return replace(t.clockFile(host), by.String())
}

// bootFile has the id of a host's boot.
func (t *trial) bootFile(host string) string { return filepath.Join(t.dir, "boot-"+host) }

// newBoot lets a host know that it was without power.
func (t *trial) newBoot(host string) error {
	return replace(t.bootFile(host), "boot-"+strconv.FormatUint(t.counter.Add(1), 10))
}

// replace writes a file whole: whoever reads it meanwhile reads the old one.
func replace(file, text string) error {
	if err := os.WriteFile(file+".new", []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}
