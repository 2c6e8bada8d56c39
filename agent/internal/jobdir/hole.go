package jobdir

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
)

// holes are the places in a spool where lines are missing, in order.
type holes struct {
	first atomic.Int64 // where the first one is; noHole: nowhere

	mu  sync.Mutex // guards all
	all []hole
}

type hole struct {
	at    int64 // the lines would stand before this offset
	lines uint64
}

const (
	noHole = math.MaxInt64
	// mostHoles bounds the memory of them. What comes then is counted to the
	// last one: too early in the log, but counted.
	mostHoles = 1024
)

// add counts lines that are missing at an offset.
func (h *holes) add(at int64, lines uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if n := len(h.all); n > 0 && (h.all[n-1].at == at || n == mostHoles) {
		h.all[n-1].lines += lines
		return
	}
	h.all = append(h.all, hole{at, lines})
	h.first.Store(h.all[0].at)
}

// take gives how many lines are missing up to an offset, and forgets them.
func (h *holes) take(to int64) (lines uint64) {
	if h.first.Load() > to { // as it nearly always is, for every line
		return 0
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for n < len(h.all) && h.all[n].at <= to {
		lines += h.all[n].lines
		n++
	}
	h.all = slices.Delete(h.all, 0, n)
	if len(h.all) == 0 {
		h.first.Store(noHole)
	} else {
		h.first.Store(h.all[0].at)
	}
	return lines
}
