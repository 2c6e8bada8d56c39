// Package doctor looks at whether this host can be backed up, and says of
// everything that is in the way what to do. It only looks, and needs neither
// the daemon nor the controller.
package doctor

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"sync"
	"time"

	"borgfleet/agent/internal/borg"
	"borgfleet/agent/internal/policy"
	"borgfleet/agent/internal/state"
	"borgfleet/shared/checkup"
	"borgfleet/shared/job"
	"borgfleet/shared/term"
)

// Options says what is looked at.
type Options struct {
	State      state.Dir
	ConfigFile string // empty: agent.yaml in State

	Repositories []job.Repository
	Unread       error // why there are none

	Now       func() time.Time
	MachineID func() (string, error)
	Proxy     func(*http.Request) (*url.URL, error)
	UID       int // of this process
}

// host is what all checks look at. It is read once, before the first of them.
type host struct {
	o       Options
	id      state.Identity
	idErr   error
	conf    policy.Config
	confErr error
	foreign bool // the state directory is another account's

	tool    func() (borg.Tool, error)
	contact func() contact
}

// Limits of checks that wait for something else than this host's disk.
const (
	borgTime    = 20 * time.Second
	contactTime = 15 * time.Second
	secretTime  = 70 * time.Second // a passphrase command has 60 s
	openTime    = 60 * time.Second
	endTime     = 8 * time.Second // for a borg that was too slow to go
)

// Checks gives what there is to look at, in the order in which people read it:
// the host first, each repository after that.
func Checks(ctx context.Context, o Options) []checkup.Check {
	h := look(ctx, o)
	checks := []checkup.Check{
		{ID: "state_directory", Title: "State directory", Run: h.stateDirectory},
		{ID: "identity", Title: "Identity", Run: h.identity},
		{ID: "machine", Title: "Machine", Run: h.machine},
		{ID: "configuration", Title: "Configuration", Run: h.configuration},
		{ID: "allowed", Title: "Allowed", Run: h.allowed},
		{ID: "sealing_key", Title: "Sealing key", Run: h.sealingKey},
		{ID: "disk_space", Title: "Disk space", Run: h.diskSpace},
		{ID: "agent_running", Title: "Agent", Run: h.running, Limit: borgTime},
		{ID: "certificate", Title: "Certificate", Run: h.certificate},
		{ID: "controller", Title: "Controller", Run: h.controller, Limit: contactTime + time.Second},
		{ID: "clock", Title: "Clock", Run: h.clock, Limit: contactTime + time.Second},
		{ID: "borg", Title: "Borg", Run: h.borg, Limit: borgTime},
		{ID: "repositories", Title: "Repositories", Run: h.repositories},
	}
	if h.idErr != nil || h.confErr != nil {
		return checks
	}
	for _, r := range o.Repositories {
		checks = append(checks, h.checksOf(ctx, r)...)
	}
	return checks
}

func look(ctx context.Context, o Options) *host {
	h := &host{o: o}
	if h.o.ConfigFile == "" {
		h.o.ConfigFile = o.State.Config()
	}
	h.id, h.idErr = o.State.Identity()
	h.conf, h.confErr = policy.Load(h.o.ConfigFile)
	switch {
	case h.confErr != nil:
		h.conf = policy.Default()
	case h.conf.ControllerURL != "":
		h.id.ControllerURL = h.conf.ControllerURL
	}
	h.foreign = ownerOf(o.State.Path()) != o.UID
	h.tool = sync.OnceValues(func() (borg.Tool, error) {
		ctx, cancel := context.WithTimeout(ctx, borgTime-endTime)
		defer cancel()
		return borg.Find(ctx, h.conf.Borg)
	})
	h.contact = sync.OnceValue(func() contact {
		ctx, cancel := context.WithTimeout(ctx, contactTime)
		defer cancel()
		return h.dial(ctx)
	})
	return h
}

// command is a call of this program that a person can copy.
func (h *host) command(words string) string {
	text := "borgfleet-agent " + words
	if h.o.State.Path() != state.DefaultDir {
		text += " --state-dir " + term.Shell(h.o.State.Path())
	}
	if h.o.ConfigFile != h.o.State.Config() {
		text += " --config " + term.Shell(h.o.ConfigFile)
	}
	return text
}

// borgOn is borg on a repository, for a person to see what it says.
func (h *host) borgOn(r job.Repository, words string) string {
	return h.command("borg "+nameOf(r)) + " -- " + words
}

// nameOf is how a command names a repository.
func nameOf(r job.Repository) string {
	return term.Shell(cmp.Or(r.Name, r.Path))
}
