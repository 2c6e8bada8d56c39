package store

import "time"

// Meter hears how long each commit took to be on the disk, and how many updates
// went with it. The committer itself tells it: it must not block.
type Meter interface {
	Committed(updates int, took time.Duration)
}

type unmeasured struct{}

func (unmeasured) Committed(int, time.Duration) {}
