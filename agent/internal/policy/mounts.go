package policy

import (
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"borgfleet/agent/internal/mountinfo"
)

type mounts []mountinfo.Mount

func readMounts() (mounts, error) { return mountinfo.Read("/proc/self/mountinfo") }

// elsewhere gives the other names of what lies at a path without symlinks: the
// same file system may be mounted, in whole or in part, at several places.
func (all mounts) elsewhere(path string) (out []string) {
	at, ok := all.of(path)
	if !ok {
		return nil
	}
	inside := filepath.Join(at.Root, strings.TrimPrefix(path, at.Point))
	for _, m := range all {
		if m.Device == at.Device && m.ID != at.ID && within(inside, m.Root) {
			out = append(out, filepath.Join(m.Point, strings.TrimPrefix(inside, m.Root)))
		}
	}
	return out
}

// of is the mount that a path is on, be it there or not. What a kernel before 5.8
// does not tell is not known.
func (all mounts) of(path string) (mountinfo.Mount, bool) {
	var st unix.Statx_t
	for dir := path; ; dir = filepath.Dir(dir) {
		if unix.Statx(unix.AT_FDCWD, dir, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_MNT_ID, &st) == nil {
			break
		}
		if dir == "/" {
			return mountinfo.Mount{}, false
		}
	}
	for _, m := range all {
		if st.Mask&unix.STATX_MNT_ID != 0 && m.ID == st.Mnt_id && within(path, m.Point) {
			return m, true
		}
	}
	return mountinfo.Mount{}, false
}
