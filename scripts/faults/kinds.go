package main

import (
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"

	"borgfleet/scripts/faultfs"
)

// kind is a kind of fault.
type kind struct {
	name string
	what string
	host bool // strikes one host
	disk bool // needs a disk that can be hurt
	lose bool // what was not on the disk yet may be lost, log lines among it
	hit  func(*trial, fault) error
	heal func(*trial, fault) error // nil: hit is all there is to it
}

const drainAgent = "drain-agent"

// absentHost is no single blow: see (*trial).withoutHost.
const absentHost = "absent-host"

// kinds are all that can be drawn.
func kinds() []kind {
	return append(kindsOfDisks(), []kind{
		{name: "kill-controller", what: "kill -9 of the controller", hit: func(t *trial, _ fault) error { return t.controller.down(syscall.SIGKILL) }, heal: healController},
		{name: "stop-controller", what: "SIGTERM to the controller", hit: func(t *trial, _ fault) error { return t.controller.down(syscall.SIGTERM) }, heal: healController},
		{name: "freeze-controller", what: "SIGSTOP of the controller", hit: func(t *trial, _ fault) error { return t.controller.signal(syscall.SIGSTOP) }, heal: func(t *trial, _ fault) error { return t.controller.signal(syscall.SIGCONT) }},
		{name: "kill-agent", what: "kill -9 of the agent's daemon", host: true, hit: func(t *trial, f fault) error { return t.daemons[f.victim].down(syscall.SIGKILL) }, heal: healAgent},
		{name: "stop-agent", what: "SIGTERM to the agent's daemon", host: true, hit: func(t *trial, f fault) error { return t.daemons[f.victim].down(syscall.SIGTERM) }, heal: healAgent},
		{name: "freeze-agent", what: "SIGSTOP of the agent's daemon", host: true, hit: func(t *trial, f fault) error { return t.daemons[f.victim].signal(syscall.SIGSTOP) }, heal: func(t *trial, f fault) error { return t.daemons[f.victim].signal(syscall.SIGCONT) }},
		{name: "upgrade-agent", what: "the agent's program is replaced and its daemon restarted", host: true, hit: upgrade, heal: healAgent},
		{name: drainAgent, what: "an agent is told to begin nothing new, and then to go on", host: true, hit: drain, heal: endDrain},
		{name: "kill-job", what: "kill -9 of the job processes", host: true, hit: toJobs(syscall.SIGKILL)},
		{name: "freeze-job", what: "SIGSTOP of the job processes", host: true, hit: toJobs(syscall.SIGSTOP), heal: toJobs(syscall.SIGCONT)},
		{name: "kill-borg", what: "kill -9 of borg", host: true, hit: toBorgs(syscall.SIGKILL)},
		{name: "term-borg", what: "SIGTERM to borg alone", host: true, hit: toBorgs(syscall.SIGTERM)},
		{name: "kill-borg-group", what: "kill -9 of borg's whole process group", host: true, hit: killBorgGroup},
		{name: "freeze-borg", what: "SIGSTOP of borg", host: true, hit: toBorgs(syscall.SIGSTOP), heal: toBorgs(syscall.SIGCONT)},
		{name: "kill-job-and-borg", what: "kill -9 of the job processes and of borg, in whichever order", host: true, hit: killJobAndBorg},
		{name: "kill-host", what: "kill -9 of everything of ours on a host", host: true, hit: killHost, heal: healAgent},
		{name: "shut-down-host", what: "SIGTERM to everything of ours on a host, as at its shutdown", host: true, hit: shutDownHost, heal: healAgent},
		{name: "kill-everything", what: "kill -9 of controller, daemons, job processes, borgs", hit: killEverything, heal: healEverything},
		{name: "cut-link", what: "the connection is cut, and none can be made", host: true, hit: func(t *trial, f fault) error { t.env.Hosts[f.victim].Proxy.Cut(); return nil }, heal: healLink},
		{name: "freeze-link", what: "the connection is half-open", host: true, hit: func(t *trial, f fault) error { t.env.Hosts[f.victim].Proxy.Freeze(); return nil }, heal: healLink},
		{name: "slow-link", what: "each piece takes 100 ms", host: true, hit: func(t *trial, f fault) error { t.env.Hosts[f.victim].Proxy.Slow(100 * time.Millisecond); return nil }, heal: healLink},
		{name: "flap-link", what: "the connection is cut again and again", host: true, hit: flap, heal: healLink},
		{name: stepClocksName, what: "the controller's clock and a host's jump, each by up to three hours", host: true, hit: stepClocks, heal: func(t *trial, _ fault) error { return t.goodClocks() }},
		{name: stepDays, what: "a host's clock jumps forward by 1 to 40 hours, then goes on, or back, or back and forward again", host: true, hit: stepOverDays, heal: daysGoOn},
		{name: hostOff, what: "a host's daemon is killed and comes back 1 to 40 hours later", host: true, hit: offForDays, heal: healAgent},
		{name: loseController, what: "the controller's data is lost and made again from a backup of a random moment, once or twice"},
		{name: absentHost, what: "a host goes away while it holds a location that another one wants"},
	}...)
}

func known(name string) bool {
	return slices.ContainsFunc(kinds(), func(k kind) bool { return k.name == name })
}

func chosen(from []kind, name string) bool {
	return slices.ContainsFunc(from, func(k kind) bool { return k.name == name })
}

// only says whether nothing else can be drawn.
func only(from []kind, name string) bool { return len(from) == 1 && from[0].name == name }

// choose is the kinds of these names; none: all.
func choose(names []string, noDisks bool) []kind {
	return slices.DeleteFunc(kinds(), func(k kind) bool {
		return k.disk && noDisks || len(names) > 0 && !slices.Contains(names, k.name)
	})
}

// possible says why what was asked for cannot be drawn on this machine. Nothing
// is left out in silence: runs without disks show less than they seem to.
func (o options) possible() error {
	from := choose(o.only, o.noDisks)
	if len(from) == 0 {
		return errors.New("no kind of fault is left")
	}
	if slices.ContainsFunc(from, func(k kind) bool { return k.disk }) {
		if err := faultfs.Available(); err != nil {
			return fmt.Errorf("%w; -no-disks leaves out what can happen to disks, power cuts among it", err)
		}
	}
	return nil
}
