package jobdir

import (
	"time"

	"golang.org/x/sys/unix"
)

// ahead bounds how much of borg's output lies in a spool and is still needed.
// borg may write faster than it can be read, or without an end; it is not made
// to wait for that, and must not fill the disk. What is beyond the bound is
// counted and dropped.
type ahead struct {
	now     int64 // as the disk allows
	checked time.Time
}

const (
	// mostAhead is four times what a journal takes of it, or an answer that lists
	// half a million archives.
	mostAhead = 256 << 20
	// leastAhead is used also where the disk is below the journal's floor: the
	// warnings and errors that are still written there go through the spool. It
	// is more than is given back at once.
	leastAhead = 2 * punchEvery
)

// full says whether what comes now has no room. It asks for the disk's at most
// once a second.
func (a *ahead) full(dr *Drain) bool {
	needed := dr.size.Load() - dr.done.Load()
	if needed < leastAhead {
		return false
	}
	if now := time.Now(); now.Sub(a.checked) >= time.Second {
		a.checked, a.now = now, mostAhead
		var st unix.Statfs_t
		if unix.Fstatfs(int(dr.spool.Fd()), &st) == nil {
			free := int64(st.Bavail) * st.Bsize
			a.now = max(leastAhead, min(mostAhead, needed+free-DefaultMinFree))
		}
	}
	return needed >= a.now
}
