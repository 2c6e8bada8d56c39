package deliver

import (
	"math/rand/v2"
	"time"
)

// Backoff is how long a sender waits after each failure: twice as long as before, and
// at random between half of that and all of it, so that many do not come at once.
type Backoff struct {
	First, Most time.Duration
	MostAsked   time.Duration // of what a receiver asks for with Retry-After
}

// DefaultBackoff is the documented one.
func DefaultBackoff() Backoff {
	return Backoff{First: 2 * time.Second, Most: 5 * time.Minute, MostAsked: time.Hour}
}

// after says how long to wait after so many failures in a row.
func (b Backoff) after(failures int, asked time.Duration) time.Duration {
	d := b.First
	for range failures - 1 {
		if d *= 2; d >= b.Most {
			d = b.Most
			break
		}
	}
	d = d/2 + rand.N(d/2+1)
	return max(d, min(asked, b.MostAsked))
}
