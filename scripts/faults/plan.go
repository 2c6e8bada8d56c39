package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// plan is what a seed draws: rounds of work, and what happens during them.
type plan struct {
	disks  bool // the programs' directories are on disks that can be hurt
	rounds []round
}

// round is some jobs at once and the faults that strike meanwhile.
type round struct {
	work   []work
	faults []fault
	absent bool          // a host is away that holds what another one wants
	lose   bool          // the controller is lost in the end, and made again from a backup
	backup time.Duration // when that is taken
}

// work is one thing that somebody asks for.
type work struct {
	after      time.Duration
	repository string
	restore    bool
	local      bool          // a person on the host asks, not REST
	cancel     time.Duration // after it was asked for; 0: never
}

// fault is one thing that goes wrong.
type fault struct {
	kind   kind
	victim string // host; empty: the kind has only one
	at     time.Duration
	lasts  time.Duration
	long   bool // see lasting
}

func (f fault) String() string {
	s := f.kind.name
	if f.victim != "" {
		s += " " + f.victim
	}
	return fmt.Sprintf("%s at %s for %s", s, f.at.Round(time.Millisecond), f.lasts.Round(time.Millisecond))
}

// span is the time over which the work and the faults of a round are spread: a
// little longer than the backups take.
const span = 2500 * time.Millisecond

func draw(seed uint64, from []kind) plan {
	rng := rand.New(rand.NewPCG(seed, 0xfa17))
	upTo := func(d time.Duration) time.Duration { return time.Duration(rng.Int64N(int64(d))) }
	p := plan{}
	for range 1 + rng.IntN(2) {
		r := round{
			absent: rng.IntN(8) == 0 && chosen(from, absentHost) || only(from, absentHost),
			lose:   rng.IntN(8) == 0 && chosen(from, loseController) || only(from, loseController),
			backup: upTo(span),
		}
		for range 2 + rng.IntN(3) {
			w := work{after: upTo(span / 2), repository: repositories()[rng.IntN(len(repositories()))].name}
			switch rng.IntN(8) {
			case 0:
				w.restore = true
			case 1:
				w.local = true
			case 2, 3:
				w.cancel = 1 + upTo(span)
			}
			r.work = append(r.work, w)
		}
		for range 1 + rng.IntN(4) {
			k := from[rng.IntN(len(from))]
			if k.hit == nil {
				continue
			}
			f := fault{kind: k, at: upTo(span), lasts: upTo(2 * time.Second)}
			if k.host {
				f.victim = hosts()[rng.IntN(len(hosts()))]
			}
			p.disks = p.disks || k.disk
			r.faults = append(r.faults, f)
		}
		r.passDays(rng, from)
		p.rounds = append(p.rounds, r)
	}
	if seed%8 == 0 {
		p.rounds[0].last(rng, from)
	}
	return p
}

// passDays lets fire times come in every other round at least: they are what all
// other faults are to meet.
func (r *round) passDays(rng *rand.Rand, from []kind) {
	var able []kind
	for _, k := range from {
		if k.name == stepDays || k.name == hostOff {
			able = append(able, k)
		}
	}
	if len(able) == 0 || rng.IntN(2) == 0 {
		return
	}
	r.faults = append(r.faults, fault{
		kind: able[rng.IntN(len(able))], victim: hosts()[rng.IntN(len(hosts()))],
		at: time.Duration(rng.Int64N(int64(span / 2))), lasts: unheard + time.Duration(rng.Int64N(int64(time.Second))),
	})
}

func (p plan) faults() (all []fault) {
	for _, r := range p.rounds {
		all = append(all, r.faults...)
		if r.absent {
			all = append(all, fault{kind: kind{name: absentHost}})
		}
		if r.lose {
			all = append(all, fault{kind: kind{name: loseController}})
		}
	}
	return all
}

func (p plan) String() string {
	var s []string
	for _, r := range p.rounds {
		for _, f := range r.faults {
			s = append(s, f.String())
		}
		if r.absent {
			s = append(s, absentHost)
		}
		if r.lose {
			s = append(s, loseController)
		}
	}
	return strings.Join(s, ", ")
}

// repo is a repository as one host uses it.
type repo struct {
	name, host string
	location   string // below the repositories directory
	files      int    // in its source
	big        int64  // bytes of one more file
	fileLog    string
	maintainer string // host that checks it in its own one's stead; empty: nobody
}

// repositories are what each fleet has; the last two share a location.
func repositories() []repo {
	return []repo{
		{name: "many", host: "a", location: "small/many", files: 1000, fileLog: "all"},
		{name: "shared-a", host: "a", location: "shared", files: 200, fileLog: "all"},
		{name: "shared-b", host: "b", location: "shared", files: 100, big: 40 << 20, fileLog: "changed", maintainer: "a"},
	}
}

func hosts() []string { return []string{"a", "b"} }
