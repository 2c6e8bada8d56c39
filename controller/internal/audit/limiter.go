package audit

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// How much of what changes nothing is written entry by entry: for each source so
// much at once and then one in a while, and for all of them together. At the
// worst that is 8640 entries a day, some two megabytes.
const (
	sourceBurst = 20
	sourcePause = 10 * time.Minute
	totalBurst  = 300
	totalPause  = 10 * time.Second

	mostSources = 4096
)

// limiter bounds what callers can make the log grow by without changing
// anything.
type limiter struct {
	now func() time.Time

	mu      sync.Mutex // guards what follows
	total   *rate.Limiter
	sources map[string]*rate.Limiter
}

func newLimiter(now func() time.Time) *limiter {
	return &limiter{now: now, total: rate.NewLimiter(rate.Every(totalPause), totalBurst), sources: map[string]*rate.Limiter{}}
}

// allows asks the source's own limit first: one that is loud must not use up
// what all have together.
func (l *limiter) allows(source string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	own := l.sources[source]
	if own == nil {
		if len(l.sources) >= mostSources {
			clear(l.sources) // the total still holds
		}
		own = rate.NewLimiter(rate.Every(sourcePause), sourceBurst)
		l.sources[source] = own
	}
	return own.AllowN(now, 1) && l.total.AllowN(now, 1)
}

// network is whose address it is: with IPv6 any host has a whole /64.
func network(from string) string {
	addr, err := netip.ParseAddr(from)
	if err != nil || !addr.Is6() || addr.Is4In6() {
		return from
	}
	prefix, err := addr.WithZone("").Prefix(64)
	if err != nil {
		return from
	}
	return prefix.String()
}
