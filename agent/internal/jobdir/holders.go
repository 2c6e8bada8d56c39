package jobdir

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// Holder is a process that holds a lock. The pidfd names that very process:
// its number may be given to another one, the descriptor cannot.
type Holder struct{ fd *os.File }

// Signal sends sig to the process; nil if it is gone.
func (h *Holder) Signal(sig unix.Signal) error {
	err := unix.PidfdSendSignal(int(h.fd.Fd()), sig, nil, 0)
	if err == unix.ESRCH {
		return nil
	}
	return err
}

// Close forgets the process.
func (h *Holder) Close() error { return h.fd.Close() }

// BorgHolders finds the processes that hold borg.lock: the borg of this job,
// also one whose job process died. The caller closes them.
func (d *Dir) BorgHolders() ([]*Holder, error) { return Holders(d.file(fileBorgLock)) }

// Holders finds the other processes that hold an exclusive flock on path. This
// one is none of them: it must neither wait for its own end nor signal itself.
func Holders(path string) ([]*Holder, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return nil, fmt.Errorf("find holders: %w", err)
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("find holders: %w", err)
	}
	var out []*Holder
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() || !holds(pid, path, &st) {
			continue
		}
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			continue // gone
		}
		// Looked at again with the pidfd in hand: the number may have been
		// given to a stranger between the first look and pidfd_open.
		if !holds(pid, path, &st) {
			unix.Close(fd)
			continue
		}
		out = append(out, &Holder{fd: os.NewFile(uintptr(fd), "pidfd")})
	}
	return out, nil
}

func holds(pid int, path string, st *unix.Stat_t) bool {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	fds, err := os.ReadDir(filepath.Join(dir, "fd"))
	if err != nil {
		return false
	}
	for _, fd := range fds {
		// By name first, which asks no file system: a file of somebody else's
		// may be on a server that does not answer.
		if name, err := os.Readlink(filepath.Join(dir, "fd", fd.Name())); err != nil || !alike(name, path) {
			continue
		}
		var other unix.Stat_t
		if unix.Stat(filepath.Join(dir, "fd", fd.Name()), &other) != nil {
			continue
		}
		if other.Dev == st.Dev && other.Ino == st.Ino && exclusive(filepath.Join(dir, "fdinfo", fd.Name())) {
			return true
		}
	}
	return false
}

// alike compares file and folder only: what is above may be mounted elsewhere, or
// reached through a link.
func alike(a, b string) bool {
	return filepath.Base(a) == filepath.Base(b) && filepath.Base(filepath.Dir(a)) == filepath.Base(filepath.Dir(b))
}

// exclusive tells the holder from a process that only has the file open: one
// that probes it must not be taken for borg and be ended.
func exclusive(fdinfo string) bool {
	b, err := os.ReadFile(fdinfo)
	if err != nil {
		return false
	}
	sc := bufio.NewScanner(bytes.NewReader(b))
	for sc.Scan() {
		line := sc.Bytes()
		if bytes.HasPrefix(line, []byte("lock:")) && bytes.Contains(line, []byte("FLOCK")) && bytes.Contains(line, []byte("WRITE")) {
			return true
		}
	}
	return false
}

// waitExit waits until one of the holders is gone, and closes them all.
func waitExit(ctx context.Context, holders []*Holder) error {
	cancel, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		closeAll(holders)
		return fmt.Errorf("wait for holder: %w", err)
	}
	polled := make(chan error, 1)
	go func() {
		err := pollAny(cancel, holders)
		closeAll(holders)
		unix.Close(cancel)
		polled <- err
	}()
	select {
	case err := <-polled:
		return err
	case <-ctx.Done():
		unix.Write(cancel, []byte{1, 0, 0, 0, 0, 0, 0, 0})
		<-polled
		return ctx.Err()
	}
}

func pollAny(cancel int, holders []*Holder) error {
	set := []unix.PollFd{{Fd: int32(cancel), Events: unix.POLLIN}}
	for _, h := range holders {
		set = append(set, unix.PollFd{Fd: int32(h.fd.Fd()), Events: unix.POLLIN})
	}
	for {
		_, err := unix.Poll(set, -1)
		if err != unix.EINTR {
			return err
		}
	}
}

func closeAll(holders []*Holder) {
	for _, h := range holders {
		h.Close()
	}
}
