package machines

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// controlGroup is one of a machine's own. In one that two machines shared, their
// systemds could not see the processes of their services, and would end none.
type controlGroup struct {
	path string
	dir  *os.File
}

func newControlGroup(name string) (*controlGroup, error) {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(mounts)) {
		fields := strings.Fields(line)
		if len(fields) < 3 || fields[2] != "cgroup2" {
			continue
		}
		g := &controlGroup{path: filepath.Join(fields[1], fmt.Sprintf("borgfleet-%s-%d", name, os.Getpid()))}
		if err := os.Mkdir(g.path, 0o755); err != nil {
			return nil, fmt.Errorf("make a control group: %w", err)
		}
		if g.dir, err = os.Open(g.path); err != nil {
			return nil, fmt.Errorf("make a control group: %w", err)
		}
		return g, nil
	}
	return nil, errors.New("this machine has no control groups of version 2 (a cgroup2 file system)")
}

// start says how a process is started in the group.
func (g *controlGroup) start() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, UseCgroupFD: true, CgroupFD: int(g.dir.Fd())}
}

// remove takes the group away when nothing is in it any more, with those that the
// machine made below it.
func (g *controlGroup) remove() error {
	g.dir.Close()
	var dirs []string
	err := filepath.WalkDir(g.path, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() {
			dirs = append(dirs, path)
		}
		return err
	})
	for _, dir := range slices.Backward(dirs) {
		err = errors.Join(err, syscall.Rmdir(dir))
	}
	return err
}
