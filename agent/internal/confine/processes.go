package confine

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"borgfleet/agent/internal/mountinfo"
)

// hideProcesses takes procfs away from the calling thread's mount namespace.
// /proc/PID/root leads root into the namespace of another process, where nothing
// is read-only.
func hideProcesses() error {
	all, err := mountinfo.Read("/proc/thread-self/mountinfo")
	if err != nil {
		return err
	}
	// Parts of a procfs that are mounted on it first, then itself.
	for _, m := range slices.Backward(all) {
		if m.Type != "proc" {
			continue
		}
		err := unix.Mount("none", m.Point, "tmpfs", unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "size=4k")
		// A file leads nowhere, and what cannot be reached any more neither.
		if err != nil && !errors.Is(err, unix.ENOTDIR) && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("hide the processes of this host at %s: %w", m.Point, err)
		}
	}
	return nil
}
