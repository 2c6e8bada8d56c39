package link

import (
	"fmt"
	"time"
)

// outage is why the link is down.
type outage struct {
	why  string
	back time.Time // when the controller wants to be asked again; zero: it said nothing
}

func (s outage) text(now time.Time) string {
	if s.back.IsZero() {
		return s.why
	}
	left := max(s.back.Sub(now), 0).Round(time.Second)
	return fmt.Sprintf("%s; back in %d s", s.why, int(left.Seconds()))
}
