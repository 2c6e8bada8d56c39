package daemon

import (
	"slices"
	"time"

	"borgfleet/agent/internal/jobdir"
	"borgfleet/shared/job"
)

// tidy removes finished jobs that nobody needs here any more. A directory is
// the memory that its key is used up, so it stays until no order for the key
// can still arrive; and it stays until the controller has all of it.
func (d *Daemon) tidy() {
	type finished struct {
		dir *jobdir.Dir
		at  time.Time
	}
	var done []finished
	for _, dir := range d.whole() {
		v, err := dir.Verdict()
		if err != nil || v == nil || !dir.Replicated() {
			continue
		}
		done = append(done, finished{dir, v.EndedAt})
	}
	slices.SortFunc(done, func(a, b finished) int { return b.at.Compare(a.at) })
	now := d.o.Now()
	for i, f := range done {
		old := i >= job.AgentKeepsJobs || now.Sub(f.at) > job.AgentKeepsFor
		safe := now.After(f.dir.Spec().StartDeadline.Add(job.DirectoryKeepAfter))
		if !old || !safe {
			continue
		}
		if err := f.dir.Remove(); err != nil {
			d.log.Error("remove finished job", "job", f.dir.Key(), "err", err)
			continue
		}
		d.mu.Lock()
		delete(d.jobs, f.dir.Key())
		d.mu.Unlock()
	}
}

// whole gives the directories of jobs of which the controller has not said that
// it lacks something.
func (d *Daemon) whole() []*jobdir.Dir {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []*jobdir.Dir
	for _, t := range d.jobs {
		if !t.lacking {
			out = append(out, t.dir)
		}
	}
	return out
}
