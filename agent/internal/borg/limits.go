package borg

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Limits is how much of the host borg may have, whatever is ordered. The zero
// value is as much as any other program.
type Limits struct {
	Nice   int   // 0 to 19
	IO     IO    // its class of the disks' scheduler
	Upload int64 // KiB/s to a server; 0: no limit
}

// IO is a class of the disks' scheduler.
type IO string

const (
	IOUsual  IO = ""            // by the nice value
	IOLow    IO = "best-effort" // the last of those that have a right to the disk
	IOIdle   IO = "idle"        // only when nobody else wants it
	ioLowest    = 7             // of best-effort
)

// Check says what is wrong with limits.
func (l Limits) Check() error {
	switch {
	case l.Nice < 0 || l.Nice > 19:
		return fmt.Errorf("nice: %d is not 0 to 19", l.Nice)
	case l.IO != IOUsual && l.IO != IOLow && l.IO != IOIdle:
		return fmt.Errorf("ionice: %q is neither %s nor %s", l.IO, IOLow, IOIdle)
	case l.Upload < 0:
		return fmt.Errorf("upload_ratelimit: %d is negative", l.Upload)
	}
	return nil
}

// upload is the smaller of the host's limit and the order's; 0 is none.
func (l Limits) upload(ordered int64) int64 {
	if l.Upload == 0 || ordered != 0 && ordered < l.Upload {
		return ordered
	}
	return l.Upload
}

// apply holds a process down that was just started, before it starts others.
func (l Limits) apply(pid int) error {
	var errs []error
	if l.Nice > niceOf(pid) { // never more than the agent itself has
		if err := unix.Setpriority(unix.PRIO_PROCESS, pid, l.Nice); err != nil {
			errs = append(errs, fmt.Errorf("nice %d: %w", l.Nice, err))
		}
	}
	if p := l.ioprio(); p != 0 {
		const whoProcess = 1
		if _, _, no := unix.Syscall(unix.SYS_IOPRIO_SET, whoProcess, uintptr(pid), p); no != 0 {
			errs = append(errs, fmt.Errorf("ionice %s: %w", l.IO, no))
		}
	}
	return errors.Join(errs...)
}

// niceOf is what the kernel tells as 20 less it.
func niceOf(pid int) int {
	n, err := unix.Getpriority(unix.PRIO_PROCESS, pid)
	if err != nil {
		return 0
	}
	return 20 - n
}

// ioprio is the class and the level in it, as the kernel has them.
func (l Limits) ioprio() uintptr {
	const classShift, bestEffort, idle = 13, 2, 3
	switch l.IO {
	case IOLow:
		return bestEffort<<classShift | ioLowest
	case IOIdle:
		return idle << classShift
	}
	return 0
}
