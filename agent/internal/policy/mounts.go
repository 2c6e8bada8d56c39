package policy

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// mount is a part of a file system and where it is to be seen.
type mount struct {
	id     uint64
	device string
	root   string // in the file system
	point  string
}

type mounts []mount

func readMounts() (mounts, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("look for other names of the agent's own secrets: %w", err)
	}
	defer f.Close()
	return parseMounts(f)
}

func parseMounts(r io.Reader) (all mounts, err error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20) // an overlay names many directories
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) < 5 {
			continue
		}
		id, err := strconv.ParseUint(f[0], 10, 64)
		if err != nil {
			continue
		}
		all = append(all, mount{id, f[2], unescape.Replace(f[3]), unescape.Replace(f[4])})
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("look for other names of the agent's own secrets: %w", err)
	}
	return all, nil
}

// unescape undoes what the kernel does to names.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

// elsewhere gives the other names of what lies at a path without symlinks: the
// same file system may be mounted, in whole or in part, at several places.
func (all mounts) elsewhere(path string) (out []string) {
	at, ok := all.of(path)
	if !ok {
		return nil
	}
	inside := filepath.Join(at.root, strings.TrimPrefix(path, at.point))
	for _, m := range all {
		if m.device == at.device && m.id != at.id && within(inside, m.root) {
			out = append(out, filepath.Join(m.point, strings.TrimPrefix(inside, m.root)))
		}
	}
	return out
}

// of is the mount that a path is on, be it there or not. What a kernel before 5.8
// does not tell is not known.
func (all mounts) of(path string) (mount, bool) {
	var st unix.Statx_t
	for dir := path; ; dir = filepath.Dir(dir) {
		if unix.Statx(unix.AT_FDCWD, dir, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_MNT_ID, &st) == nil {
			break
		}
		if dir == "/" {
			return mount{}, false
		}
	}
	for _, m := range all {
		if st.Mask&unix.STATX_MNT_ID != 0 && m.id == st.Mnt_id && within(path, m.point) {
			return m, true
		}
	}
	return mount{}, false
}
