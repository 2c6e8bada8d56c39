//go:build !steppedclock

// Package clock is the time that both programs go by. Built with the tag
// steppedclock it can be set while they run, which is how their tests step a
// clock without touching the machine's; what ships cannot.
package clock

import "time"

// Now is time.Now.
func Now() time.Time { return time.Now() }
