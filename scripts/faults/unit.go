package main

import (
	"sync"
	"syscall"
)

// program is a process of the fleet that can be ended and started again.
type program interface {
	Start() error
	Stop() error
	Kill() error
	Running() bool
	PID() int
}

// unit is what systemd would be for a program: it is up, or somebody has taken
// it down; one that ends by itself is started again.
type unit struct {
	mu     sync.Mutex // guards the program's process, and what follows
	p      program
	wanted bool
	dark   bool // without power: nothing can be started
}

func newUnit(p program) *unit { return &unit{p: p, wanted: true} }

// down ends the program, until up.
func (u *unit) down(sig syscall.Signal) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.dark || !u.p.Running() {
		return nil
	}
	u.wanted = false
	// One that is stopped could not hear SIGTERM.
	if err := send(syscall.SIGCONT, u.p.PID()); err != nil {
		return err
	}
	if sig == syscall.SIGTERM {
		return u.p.Stop()
	}
	return u.p.Kill()
}

// up starts it if it is not there.
func (u *unit) up() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.wanted = true
	if u.dark {
		return nil
	}
	return u.start()
}

// unplug cuts the power, unless there is none.
func (u *unit) unplug(cut func() error) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.dark {
		return nil
	}
	u.dark = true
	return cut()
}

// plug gives the power back with on, which starts the program, too.
func (u *unit) plug(on func() error) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.dark {
		return nil
	}
	u.dark, u.wanted = false, true
	return on()
}

// start belongs to who holds mu.
func (u *unit) start() error {
	if u.p.Running() {
		return send(syscall.SIGCONT, u.p.PID())
	}
	return u.p.Start()
}

// keep starts it again if it ended by itself.
func (u *unit) keep() (restarted bool, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.dark || !u.wanted || u.p.Running() {
		return false, nil
	}
	return true, u.start()
}

func (u *unit) signal(sig syscall.Signal) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.p.Running() {
		return nil
	}
	return send(sig, u.p.PID())
}
