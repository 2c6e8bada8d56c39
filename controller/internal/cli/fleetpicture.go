package cli

import (
	"bytes"
	"fmt"
	"strings"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/shared/job"
	"borgfleet/shared/term"
)

// fleetBar is how wide a progress bar is in a table.
const fleetBar = 12

// mostTroubles is how many hosts that need a look are named: the rest is for
// agents list.
const mostTroubles = 8

// fleetPicture is for people: one picture after the other in the same place of
// the terminal.
type fleetPicture struct {
	k      *controller
	frames *term.Frames
}

func newFleetPicture(k *controller) *fleetPicture {
	return &fleetPicture{k: k, frames: term.NewFrames(k.out)}
}

func (p *fleetPicture) heard(*fleetState, client.FleetEvent) error { return nil }

func (p *fleetPicture) draw(f *fleetState) error {
	var b bytes.Buffer
	inside := *p.k
	inside.out = p.k.out.To(&b)
	for _, part := range []func(*fleetState) error{inside.tellCounts, inside.tellTroubles, inside.tellActive, inside.tellEnded} {
		if err := part(f); err != nil {
			return err
		}
	}
	return p.frames.Show(b.String())
}

func (k *controller) tellCounts(f *fleetState) error {
	if f.away != nil {
		if err := k.out.Printf("%s\n", awayNote(f)); err != nil {
			return err
		}
	}
	head := []string{term.Time(k.now())}
	if len(f.agents) > 0 {
		head = append(head, hostCounts(f))
	}
	head = append(head, fmt.Sprintf("%d running, %d waiting", f.count(job.Running), f.count(job.Pending)))
	return k.out.Printf("%s\n", strings.Join(head, "   "))
}

func hostCounts(f *fleetState) string {
	states := map[string]int{}
	for _, a := range f.agents {
		states[agentState(a)]++
	}
	var counts []string
	for _, state := range []string{"online", "paused", "offline", "revoked"} {
		if n := states[state]; n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", n, state))
		}
	}
	noun := "hosts"
	if len(f.agents) == 1 {
		noun = "host"
	}
	return fmt.Sprintf("%d %s: %s", len(f.agents), noun, strings.Join(counts, ", "))
}

// tellTroubles names the hosts that somebody should look at.
func (k *controller) tellTroubles(f *fleetState) error {
	t := term.Table{Columns: []term.Column{{Title: "HOST", Cut: term.CutEnd}, {Title: "TROUBLE", Cut: term.CutEnd}}}
	n := 0
	for _, a := range f.hosts() {
		about := k.aboutAgent(a)
		if about == "" {
			continue
		}
		if n++; n <= mostTroubles {
			t.Add(a.Name, about)
		}
	}
	if n == 0 {
		return nil
	}
	if err := k.section(t); err != nil || n <= mostTroubles {
		return err
	}
	return k.out.Printf("and %d more: borgfleet-controller agents list\n", n-mostTroubles)
}

func (k *controller) tellActive(f *fleetState) error {
	jobs := f.jobs()
	if len(jobs) == 0 {
		return k.out.Printf("\nNothing runs or waits.\n")
	}
	t := term.Table{Columns: []term.Column{
		{Title: "ID", Right: true}, {Title: "KIND", Drop: 2}, {Title: "AGENT", Cut: term.CutEnd, Drop: 4}, {Title: "REPOSITORY", Cut: term.CutStart},
		{Title: "PROGRESS", Drop: 3}, {Title: "TOOK", Right: true, Drop: 5}, {Title: "ABOUT", Cut: term.CutEnd, Drop: 1},
	}}
	for _, j := range jobs {
		t.Add(fmt.Sprint(j.ID), j.Kind, j.Agent, j.Repository, fleetProgress(j), k.since(j), activeRemark(j))
	}
	return k.section(t)
}

// fleetProgress is a bar only where the end is known.
func fleetProgress(j rest.Job) string {
	if p := progressOf(j.JobCore); p.Known && j.Status == string(job.Running) {
		return p.Bar(fleetBar)
	}
	return ""
}

// since is how long a job takes by now: events tell it only when something else
// changes, too.
func (k *controller) since(j rest.Job) string {
	if j.StartedAt == nil {
		return ""
	}
	return term.Duration(max(0, k.now().Sub(j.StartedAt.Time)))
}

func activeRemark(j rest.Job) string {
	if about := remark(j.JobCore); about != "" {
		return about
	}
	return stateOf(j.JobCore)
}

func (k *controller) tellEnded(f *fleetState) error {
	if len(f.ended) == 0 {
		return nil
	}
	t := term.Table{Columns: []term.Column{
		{Title: "ID", Right: true}, {Title: "KIND", Drop: 2}, {Title: "AGENT", Cut: term.CutEnd, Drop: 3}, {Title: "REPOSITORY", Cut: term.CutStart},
		{Title: "ENDED"}, {Title: "TOOK", Right: true, Drop: 4}, {Title: "ABOUT", Cut: term.CutEnd, Drop: 1},
	}}
	for _, j := range f.ended {
		t.Add(fmt.Sprint(j.ID), j.Kind, j.Agent, j.Repository, j.Status, took(j.JobCore), remark(j.JobCore))
	}
	return k.section(t)
}

// section sets a table apart from what is above it.
func (k *controller) section(t term.Table) error {
	if err := k.out.Printf("\n"); err != nil {
		return err
	}
	return t.Print(k.out)
}
