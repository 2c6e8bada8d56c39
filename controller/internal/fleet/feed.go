package fleet

import (
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"borgfleet/controller/internal/store"
)

// feedSize is how many changes are remembered: a thousand running jobs that
// report progress every second fill it in a quarter of a minute, so a client
// that was cut off and came back at once has missed nothing. It takes 0.9 MiB.
const feedSize = 16 << 10

// feed says what changed, in order. It keeps names of things, not values: who
// reads it looks the value up when it sends it. Readers hold a number and
// nothing else, and take no lock that a writer takes: a slow one, or a thousand,
// cost nobody anything. One that is too slow finds its place overwritten, and
// begins anew.
type feed struct {
	id string // of this start of the controller: numbers of another one mean nothing

	mu   sync.Mutex                 // of writers; readers never wait for it
	ring []atomic.Pointer[numbered] // change n is at n % feedSize
	last atomic.Uint64              // number of the newest
	wake atomic.Pointer[wakeUp]     // nil: nobody waits
}

// numbered is a change in its place. It is never written again.
type numbered struct {
	store.Changed
	number uint64
}

// wakeUp is closed after the next change.
type wakeUp struct{ ch chan struct{} }

func newFeed() *feed {
	return &feed{id: strings.ToLower(rand.Text()[:13]), ring: make([]atomic.Pointer[numbered], feedSize)}
}

// mark appends changes. It takes the same short time whoever reads.
func (f *feed) mark(changes []store.Changed) {
	if len(changes) == 0 {
		return
	}
	f.mu.Lock()
	last := f.last.Load()
	for i, c := range changes {
		if i+1 < len(changes) && c.Same(changes[i+1]) && !changes[i+1].Live {
			continue // one commit changed it twice: the second says it all
		}
		last++
		f.ring[last%feedSize].Store(&numbered{c, last})
	}
	f.last.Store(last)
	f.mu.Unlock()
	if w := f.wake.Swap(nil); w != nil {
		go close(w.ch) // a thousand readers are woken elsewhere: this is the committer
	}
}

// read copies changes after number from into buf. lost says that there were
// older ones that are not known any more.
func (f *feed) read(from uint64, buf []store.Changed) (n int, lost bool) {
	last := f.last.Load()
	if from > last {
		return 0, true
	}
	for n < len(buf) && from+uint64(n) < last {
		number := from + uint64(n) + 1
		c := f.ring[number%feedSize].Load()
		if c.number != number {
			return 0, true
		}
		buf[n] = c.Changed
		n++
	}
	return n, false
}

// after gives a channel that is closed when there is more than from.
func (f *feed) after(from uint64) <-chan struct{} {
	w := f.wake.Load()
	for w == nil {
		f.wake.CompareAndSwap(nil, &wakeUp{make(chan struct{})})
		w = f.wake.Load()
	}
	// Asked for the channel first: a change that this does not see closes it.
	if f.last.Load() > from {
		now := make(chan struct{})
		close(now)
		return now
	}
	return w.ch
}

func (f *feed) newest() uint64 { return f.last.Load() }

// cursor writes a place in the feed for a client to come back to.
func (f *feed) cursor(at uint64) string { return fmt.Sprintf("%s-%d", f.id, at) }

// place reads a cursor. What is not of this start of the controller, and what
// is not known any more, is no place.
func (f *feed) place(cursor string) (uint64, bool) {
	number, ok := strings.CutPrefix(cursor, f.id+"-")
	if !ok {
		return 0, false
	}
	at, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return 0, false
	}
	last := f.last.Load()
	return at, at <= last && last-at <= feedSize
}
