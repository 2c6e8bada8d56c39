package main

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// lasting are the kinds that somebody has to notice by the time that goes by:
// pings without an answer, a revision that nobody confirms, a controller out of
// contact for so long that a host goes by its own authority.
func lasting() []string {
	return []string{"freeze-link", "cut-link", "freeze-agent", "freeze-controller"}
}

// last adds a fault that outlasts half a minute, and a person who meanwhile wants
// a backup on a host.
func (r *round) last(rng *rand.Rand, from []kind) {
	var able []kind
	for _, k := range from {
		if slices.Contains(lasting(), k.name) {
			able = append(able, k)
		}
	}
	if len(able) == 0 {
		return
	}
	repo := repositories()[rng.IntN(len(repositories()))]
	// The end of another fault of the same connection would be the end of this one.
	r.faults = slices.DeleteFunc(r.faults, func(f fault) bool {
		return f.victim == repo.host && strings.HasSuffix(f.kind.name, "-link")
	})
	r.faults = append(r.faults, fault{
		kind: able[rng.IntN(len(able))], victim: repo.host, long: true,
		lasts: 35*time.Second + time.Duration(rng.Int64N(int64(10*time.Second))),
	})
	r.work = append(r.work, work{after: askedAway, repository: repo.name, local: true})
}

// askedAway is when that person asks: the controller is away by then.
const askedAway = time.Second

// outlast keeps a connection broken until the host has begun, by its own
// authority, what was asked for there: it must have noticed that the controller
// is away, and waited for it.
func (t *trial) outlast(f fault) error {
	if f.kind.name != "cut-link" && f.kind.name != "freeze-link" || !t.heardAway(f.victim) {
		return nil
	}
	return t.env.Await(f.victim+" goes by its own authority", func() (bool, error) {
		marks, err := filepath.Glob(filepath.Join(t.env.Hosts[f.victim].StateDir, "jobs", "*", "started"))
		for _, m := range marks {
			if _, err := os.Stat(filepath.Join(filepath.Dir(m), "id")); errors.Is(err, fs.ErrNotExist) {
				return true, nil // begun, and no controller has ever heard of it
			}
		}
		return false, err
	})
}

// heardAway: the daemon took that job; with a disk that is full it does not.
func (t *trial) heardAway(host string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.ContainsFunc(t.asked, func(a asked) bool {
		return a.heard && a.after == askedAway && repoNamed(a.repository).host == host
	})
}
