package store

import (
	"errors"

	"borgfleet/controller/internal/fault"
)

// Errors of a Tx that a caller may want to tell apart.
var (
	ErrKeyTaken = errors.New("another job has this key")
	ErrActive   = errors.New("the job has not ended")
	ErrLogOrder = errors.New("the records do not follow what is stored")
	ErrTooBig   = errors.New("too many changes in one update")
)

func errClosed() error {
	return fault.New(fault.Unavailable, "stopping", "the controller is stopping")
}

func errInUse(dir string, cause error) error {
	return fault.Wrap(cause, fault.Unavailable, "data_dir_in_use",
		"%s is in use by a running controller", dir)
}

func errDiskFull(dir string, free, need uint64) error {
	return fault.New(fault.Unavailable, "disk_full",
		"the disk of %s has %d MiB left; nothing is stored below %d MiB. Make room there: a controller that runs goes on by itself, one that was starting is started again",
		dir, free>>20, need>>20)
}

func errNoRoomToOpen(dir string, free, need uint64) error {
	return fault.New(fault.Unavailable, "disk_full",
		"the disk of %s has %d MiB left, and opening the store takes %d MiB. Make room there, then start the controller again",
		dir, free>>20, need>>20)
}

func errFailed(dir string, cause error) error {
	return fault.Wrap(cause, fault.Unavailable, "store_failed",
		"writing to %s failed, so it is not known what is on the disk; the controller must start again", dir)
}
