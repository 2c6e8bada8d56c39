package jobproc

import (
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"borgfleet/shared/job"
)

// checkSources refuses a backup of nothing: borg would make an empty archive,
// and retention would count it as the day's backup. If only some sources are
// missing or closed to us, borg goes on without them and says so.
func checkSources(sources []string) error {
	gone, closed := Unusable(sources)
	switch {
	case len(sources) == 0 || len(gone)+len(closed) < len(sources):
		return nil
	case len(closed) > 0:
		return failf(job.CodeSourcesUnreadable, "this agent may not read any of its source directories: %s; run it as a user who may, or as root", strings.Join(append(closed, gone...), ", "))
	case len(gone) == 1:
		return failf(job.CodeSourcesMissing, "the source directory %s does not exist", gone[0])
	default:
		return failf(job.CodeSourcesMissing, "none of the source directories exists: %s", strings.Join(gone, ", "))
	}
}

// Unusable tells which sources do not exist, and which we may not open.
func Unusable(sources []string) (gone, closed []string) {
	for _, s := range sources {
		if _, err := os.Lstat(s); os.IsNotExist(err) {
			gone = append(gone, s)
		} else if os.IsPermission(err) || !readable(s) {
			closed = append(closed, s)
		}
	}
	return gone, closed
}

// readable asks the kernel with the rights that borg will have, capabilities
// included; nothing is opened, so a pipe cannot hold us up.
func readable(path string) bool {
	err := unix.Faccessat(unix.AT_FDCWD, path, unix.R_OK, unix.AT_EACCESS|unix.AT_SYMLINK_NOFOLLOW)
	return err != unix.EACCES && err != unix.EPERM
}
