package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"
)

// observer looks at the fleet all the while, through REST, and remembers what
// it was told: none of that may ever be taken back.
type observer struct {
	t *trial

	looking sync.Mutex // held by who must not be looked at

	mu     sync.Mutex // guards what follows
	ids    map[int64]bool
	lines  map[int64]uint64 // the most that was said to be there, to us or to the job's agent
	back   map[int64]bool   // that number went back, and it was said
	final  map[int64]string // status, once it was final
	turn   int
	rounds int            // guarded by looking
	wrong  map[int64]bool // that status changed, and it was said
}

func newObserver(t *trial) *observer {
	return &observer{t: t, ids: map[int64]bool{}, lines: map[int64]uint64{}, back: map[int64]bool{}, final: map[int64]string{}, wrong: map[int64]bool{}}
}

// promised notes that a job was answered for.
func (o *observer) promised(id int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ids[id] = true
}

func (o *observer) run(ctx context.Context) {
	tick := time.NewTicker(o.every())
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			o.round()
		}
	}
}

func (o *observer) round() {
	o.looking.Lock()
	defer o.looking.Unlock()
	if o.rounds++; o.rounds%notesEvery == 0 {
		o.hear(o.t.hostNotes())
	}
	for _, id := range o.due() {
		o.look(id)
	}
}

// every is how often the observer looks. Whoever reads a log along has its lines
// sent at once; every third seed looks seldom, so that lines are held back for
// company, as they are when nobody reads.
func (o *observer) every() time.Duration {
	if o.t.seed%3 == 0 {
		return 4 * time.Second
	}
	return 100 * time.Millisecond
}

// notesEvery is in how many rounds the hosts' notes are read once: they stay on
// the disk, and to read them all is work.
const notesEvery = 3

// hear takes over what the controller has told agents.
func (o *observer) hear(acknowledged map[int64]uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for id, n := range acknowledged {
		o.ids[id] = true
		o.lines[id] = max(o.lines[id], n)
	}
}

// due are the jobs that have not ended, and in their turn one of those that
// have: an end is for ever, so it is looked at again all the while.
func (o *observer) due() (out []int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var ended []int64
	for id := range o.ids {
		if o.final[id] == "" {
			out = append(out, id)
		} else {
			ended = append(ended, id)
		}
	}
	if len(ended) > 0 {
		slices.Sort(ended)
		o.turn++
		out = append(out, ended[o.turn%len(ended)])
	}
	return out
}

// ended are the jobs of which an end was told.
func (o *observer) ended() map[int64]bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := map[int64]bool{}
	for id := range o.final {
		out[id] = true
	}
	return out
}

// look asks for one job. No answer is none of the observer's business, a wrong
// one is.
func (o *observer) look(id int64) {
	page, err := o.read(id)
	if isStatus(err, http.StatusNotFound) {
		o.missing(id)
	}
	if err == nil {
		o.take(id, page.Status, page.Total)
	}
}

// page is what is said of a job's log.
type page struct {
	Status string
	Total  uint64 `json:"total_lines"`
}

func (o *observer) read(id int64) (p page, err error) {
	return p, o.t.env.API.Get(fmt.Sprintf("/api/backup/logs/%d/stream?limit=1", id), &p)
}

// forget is the loss of the controller: what was said of jobs of which no host
// has anything need not come back.
func (o *observer) forget(onHost map[int64]bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for id := range o.ids {
		if !onHost[id] {
			delete(o.final, id)
			delete(o.lines, id)
		}
	}
}

// caughtUp says whether a controller that was lost says again all that was said
// of jobs that hosts have.
func (o *observer) caughtUp(onHost map[int64]bool) (bool, error) {
	o.mu.Lock()
	ids, lines, final := maps.Clone(o.ids), maps.Clone(o.lines), maps.Clone(o.final)
	o.mu.Unlock()
	for id := range ids {
		if !onHost[id] {
			continue
		}
		n := lines[id]
		p, err := o.read(id)
		if err != nil {
			return false, fmt.Errorf("job %d: %w", id, err)
		}
		if p.Total < n || final[id] != "" && final[id] != p.Status {
			return false, fmt.Errorf("job %d is %s with %d lines, and was %q with %d", id, p.Status, p.Total, final[id], n)
		}
	}
	return true, nil
}

// drop takes jobs for never promised.
func (o *observer) drop(gone func(id int64) bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	maps.DeleteFunc(o.ids, func(id int64, _ bool) bool { return gone(id) })
}

func (o *observer) missing(id int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.wrong[id] {
		o.wrong[id] = true
		o.t.problem("job %d was promised, and is not known any more", id)
	}
}

func (o *observer) take(id int64, status string, total uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ids[id] = true
	if total < o.lines[id] && !o.back[id] {
		o.back[id] = true
		o.t.problem("job %d had %d lines, by the controller's own word, and now it has %d", id, o.lines[id], total)
	}
	o.lines[id] = max(o.lines[id], total)
	before := o.final[id]
	switch {
	case before != "" && before != status && !o.wrong[id]:
		o.wrong[id] = true
		o.t.problem("job %d was %s, now it is %s", id, before, status)
	case before == "" && status != "pending" && status != "running":
		o.final[id] = status
	}
}
