package fleet

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"borgfleet/shared/wire"
)

// How agents come back after a stop. Two cores make some 550 TLS handshakes a
// second with nothing else to do; a Hello costs its share of an fsync beside.
const (
	backSoonest = time.Second          // a restart takes that long anyway
	backGap     = 4 * time.Millisecond // between two agents: 250 a second
	backWindow  = 50 * time.Second     // with backSoonest less than job.ContactLost: who obeys is not lost
)

var errStopping = errors.New("the controller is stopping")

// farewell gives each agent its own time to come back. The agents' order decides,
// not chance: two do not come at once as long as there is room between them.
type farewell struct {
	gap, window time.Duration
	told        int
}

// newFarewell spreads n agents over a window that grows with n, from a second on.
func newFarewell(n int) *farewell {
	f := &farewell{gap: backGap, window: min(max(time.Duration(n)*backGap, time.Second), backWindow)}
	if n > 0 {
		f.gap = f.window / time.Duration(n)
	}
	return f
}

// next is when the next agent that is told should come back. Those who say Hello
// while the controller stops take their place like the others.
func (f *farewell) next() time.Duration {
	d := backSoonest + time.Duration(f.told)*f.gap%f.window
	f.told++
	return d
}

// endSessions tells every agent that the controller goes away, and when to come
// back. No epoch begins any more.
func (s *Service) endSessions() {
	s.mu.Lock()
	all := slices.SortedFunc(maps.Values(s.sessions), func(a, b *session) int { return strings.Compare(a.agent, b.agent) })
	if s.farewell == nil {
		s.farewell = newFarewell(len(all))
		close(s.ending)
	}
	ends := make([]error, len(all))
	for i := range all {
		ends[i] = wire.GoingAway(errStopping, s.farewell.next())
	}
	within := backSoonest + s.farewell.window
	s.mu.Unlock()
	for i, se := range all {
		s.finish(se, ends[i])
	}
	s.log.Info("stopping: agents are told when to come back", "agents", len(all), "within", within)
}
