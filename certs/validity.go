package certs

import "time"

// NotAfter is when the issuing authority ends, and with it all that it signed.
func (a *Authority) NotAfter() time.Time { return a.issuing.NotAfter }
