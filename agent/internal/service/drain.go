package service

import (
	"context"
	"log/slog"
	"time"

	"borgfleet/agent/internal/jobdir"
)

// drainLook is how often a daemon that drains looks whether it is done.
const drainLook = 100 * time.Millisecond

// drainable is what has jobs that end; *daemon.Daemon is one.
type drainable interface {
	Drain(on bool)
	Underway() []*jobdir.Dir
	Unreported() []*jobdir.Dir
	Linked() (connected bool, lostAt time.Time)
}

// drained gives a context that ends when ctx has ended and, after that, the jobs
// that run have, and the controller has their results. Without a controller
// nobody waits for that: they are on disk, and the next daemon sends them.
func drained(ctx context.Context, d drainable, log *slog.Logger) (context.Context, context.CancelFunc) {
	out, end := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		defer end()
		d.Drain(true)
		log.Info("stopping when the jobs that run have ended; a second signal stops at once", "running", keys(d.Underway()))
		tick := time.NewTicker(drainLook)
		defer tick.Stop()
		for !isDrained(d) {
			select {
			case <-out.Done():
				return
			case <-tick.C:
			}
		}
		log.Info("drained", "unreported", keys(d.Unreported()))
	})
	return out, func() { stop(); end() }
}

func isDrained(d drainable) bool {
	if len(d.Underway()) > 0 {
		return false
	}
	linked, _ := d.Linked()
	return !linked || len(d.Unreported()) == 0
}

func keys(dirs []*jobdir.Dir) []string {
	out := make([]string, 0, len(dirs))
	for _, dir := range dirs {
		out = append(out, dir.Key().String())
	}
	return out
}
