package jobdir

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ErrLocked says that another process holds the lock.
var ErrLocked = errors.New("locked")

// Lock is a held flock. It belongs to the open file, so a process that was
// handed File() holds it as well, until the last copy is closed: there is no
// moment between daemon and job process at which nobody holds it.
type Lock struct{ f *os.File }

// TryLock takes the directory's lock, or says ErrLocked.
func (d *Dir) TryLock() (*Lock, error) {
	f, err := os.OpenFile(d.file(fileLock), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock job: %w", err)
	}
	if err := flockPatiently(f); err != nil {
		f.Close()
		return nil, lockError("lock job", err)
	}
	return &Lock{f: f}, nil
}

// AdoptLock takes over a lock that the daemon handed to this process, and
// keeps it from the programs that this process starts.
func (d *Dir) AdoptLock(fd uintptr) (*Lock, error) {
	unix.CloseOnExec(int(fd))
	f := os.NewFile(fd, d.file(fileLock))
	if f == nil {
		return nil, fmt.Errorf("adopt lock: no descriptor %d", fd)
	}
	if err := sameFile(f, d.file(fileLock)); err != nil {
		f.Close()
		return nil, fmt.Errorf("adopt lock: %w", err)
	}
	// Already held, this changes nothing; a descriptor that was handed over
	// without a lock gets it here or fails.
	if err := flock(f, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, lockError("adopt lock", err)
	}
	return &Lock{f: f}, nil
}

// File is for handing the lock to a child.
func (l *Lock) File() *os.File { return l.f }

// Close gives up this process's copy.
func (l *Lock) Close() error { return l.f.Close() }

// Locked says whether some process holds the directory's lock. It probes with
// a shared lock, for microseconds; see flockPatiently for who meets that.
func (d *Dir) Locked() bool { return probe(d.file(fileLock)) }

// BorgRunning says whether a borg of this job lives.
func (d *Dir) BorgRunning() bool { return probe(d.file(fileBorgLock)) }

// BorgLock takes the lock that borg is to inherit. The caller closes its copy
// once borg runs: then an orphaned borg, and nobody else, holds it.
func (d *Dir) BorgLock() (*Lock, error) {
	f, err := os.OpenFile(d.file(fileBorgLock), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("take borg.lock: %w", err)
	}
	if err := flockPatiently(f); err != nil {
		f.Close()
		return nil, lockError("take borg.lock", err)
	}
	return &Lock{f: f}, nil
}

// WaitUnlocked returns nil soon after the directory's lock was let go, also by
// a process that was killed.
func (d *Dir) WaitUnlocked(ctx context.Context) error {
	return waitFree(ctx, d.file(fileLock))
}

// WaitBorgGone returns nil once no borg of this job lives.
func (d *Dir) WaitBorgGone(ctx context.Context) error {
	return waitFree(ctx, d.file(fileBorgLock))
}

// Note writes the holder's process id into the lock's file.
func (l *Lock) Note(pid int) error {
	_, err := l.f.WriteAt(fmt.Appendf(nil, "%d\n", pid), 0)
	return err
}

// WaitBorgBuried returns soon after the system has forgotten the borg of this job
// that Note named: a process that has ended has let go of its lock, and is alive
// to whoever asks for its number until its parent has heard of its end. borg asks
// so, before it takes a dead borg's lock away. It is waited for while ctx lasts.
func (d *Dir) WaitBorgBuried(ctx context.Context) {
	b, err := os.ReadFile(d.file(fileBorgLock))
	text, _, whole := strings.Cut(string(b), "\n")
	pid, bad := strconv.Atoi(text)
	if err != nil || !whole || bad != nil || pid <= 0 {
		return
	}
	for !errors.Is(unix.Kill(pid, 0), unix.ESRCH) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// waitFree does not block in flock: that thread could not be called back when
// ctx ends, and would stay as long as the holder. It waits for the holders
// themselves instead; where /proc does not show them it looks again and again.
func waitFree(ctx context.Context, path string) error {
	for probe(path) {
		holders, err := Holders(path)
		if err == nil && len(holders) > 0 {
			if err := waitExit(ctx, holders); err != nil {
				return err
			}
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	return ctx.Err()
}

func probe(path string) bool {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return false // never taken
	}
	defer f.Close()
	return errors.Is(flock(f, unix.LOCK_SH|unix.LOCK_NB), unix.EWOULDBLOCK)
}

// flockPatiently takes a lock, although somebody may just look whether it is held:
// that fails a lock that does not wait. Who holds it for longer is no prober.
func flockPatiently(f *os.File) (err error) {
	for range 100 {
		if err = flock(f, unix.LOCK_EX|unix.LOCK_NB); !errors.Is(err, unix.EWOULDBLOCK) {
			return err
		}
		time.Sleep(time.Millisecond)
	}
	return err
}

func flock(f *os.File, how int) error {
	for {
		err := unix.Flock(int(f.Fd()), how)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

func lockError(what string, err error) error {
	if errors.Is(err, unix.EWOULDBLOCK) {
		return ErrLocked
	}
	return fmt.Errorf("%s: %w", what, err)
}

func sameFile(f *os.File, path string) error {
	a, err := f.Stat()
	if err != nil {
		return err
	}
	b, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !os.SameFile(a, b) {
		return fmt.Errorf("the descriptor is not %s", path)
	}
	return nil
}
