package main

import (
	"errors"
	"os"
	"syscall"
	"time"
)

// stepDays and hostOff are what schedules have to bear.
const (
	stepDays = "step-days"
	hostOff  = "host-off"
)

// unheard is how long a step of a clock may go unheard: the programs look ten
// times a second, when the machine lets them.
const unheard = 300 * time.Millisecond

// hours is by how much: over one fire time, or over nights.
func hours(f fault) time.Duration {
	n := int64(f.at / time.Microsecond)
	if n%2 == 0 {
		return time.Duration(1+n/2%3) * time.Hour
	}
	return time.Duration(1+n/2%40) * time.Hour
}

// stepOverDays sets a host's clock forward; with it the controller's, where that
// ends nobody's log-in.
func stepOverDays(t *trial, f fault) error {
	err := t.stepClock(f.victim, hours(f))
	if hours(f) <= 3*time.Hour {
		err = errors.Join(err, t.stepClock("", hours(f)))
	}
	return err
}

// daysGoOn lets some minutes pass in which retries come; or takes the days back;
// or takes them back and lets the same come again.
func daysGoOn(t *trial, f fault) error {
	switch f.lasts / time.Microsecond % 3 {
	case 0:
		return t.minutesPass(f.victim)
	case 1:
		return t.stepClock(f.victim, 0)
	}
	err := t.stepClock(f.victim, 0)
	time.Sleep(unheard)
	return errors.Join(err, t.stepClock(f.victim, hours(f)))
}

// minutesPass sets a host's clock forward by more than a first retry waits.
func (t *trial) minutesPass(host string) error {
	was, err := os.ReadFile(t.clockFile(host))
	if errors.Is(err, os.ErrNotExist) {
		was, err = []byte("0s"), nil
	}
	if err != nil {
		return err
	}
	by, err := time.ParseDuration(string(was))
	if err != nil {
		return err
	}
	err = t.stepClock(host, by+150*time.Second)
	time.Sleep(unheard)
	return err
}

// offForDays is a host without its agent, for which time goes on.
func offForDays(t *trial, f fault) error {
	return errors.Join(t.daemons[f.victim].down(syscall.SIGKILL), t.stepClock(f.victim, hours(f)))
}
