//go:build !steppedclock

// Package clock is the time that both programs go by. Built with the tag
// steppedclock it can be set while they run, which is how their tests step a
// clock without touching the machine's; what ships cannot.
package clock

import "time"

// Now is time.Now.
func Now() time.Time { return time.Now() }

// Unheard bounds how long who waits for a moment may sleep without looking at the
// clock: timers stand still while the host is suspended, and do not hear of a
// clock that is set.
const Unheard = 30 * time.Second
