package jobdir

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// holder is another process that holds a lock it was handed.
func holder(t *testing.T, l *Lock) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sleep", "60")
	cmd.ExtraFiles = []*os.File{l.File()}
	must(t, cmd.Start())
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	must(t, l.Close())
	return cmd
}

func TestLockIsHandedOver(t *testing.T) {
	d := newDir(t)
	if d.Locked() {
		t.Error("locked from the start")
	}
	l, err := d.TryLock()
	must(t, err)
	cmd := holder(t, l)
	if _, err := d.TryLock(); !errors.Is(err, ErrLocked) || !d.Locked() {
		t.Errorf("the child does not hold it: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := d.WaitUnlocked(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("WaitUnlocked: %v", err)
	}
	free := make(chan error, 1)
	go func() { free <- d.WaitUnlocked(t.Context()) }()
	time.Sleep(20 * time.Millisecond) // so that it does wait; without, it only proves less
	began := time.Now()
	cmd.Process.Kill()
	must(t, <-free)
	t.Logf("told %s after the kill", time.Since(began))
	l, err = d.TryLock()
	must(t, err)
	must(t, l.Close())
}

func TestAdoptLock(t *testing.T) {
	d, other := newDir(t), newDir(t)
	l, err := other.TryLock()
	must(t, err)
	fd, err := unix.Dup(int(l.File().Fd()))
	must(t, err)
	if _, err := d.AdoptLock(uintptr(fd)); err == nil {
		t.Error("another directory's lock was adopted")
	}
	must(t, l.Close())
}

// TestHoldersAreOnlyHolders: who merely looks is never taken for borg, which
// would end the one who looks.
func TestHoldersAreOnlyHolders(t *testing.T) {
	d := newDir(t)
	l, err := d.BorgLock()
	must(t, err)
	cmd := holder(t, l)
	f, err := os.Open(d.file(fileBorgLock)) // this process looks
	must(t, err)
	defer f.Close()
	if !d.BorgRunning() {
		t.Error("borg does not run")
	}
	hs, err := d.BorgHolders()
	must(t, err)
	if len(hs) != 1 {
		t.Fatalf("%d holders, want 1", len(hs))
	}
	must(t, hs[0].Signal(unix.SIGTERM))
	must(t, d.WaitBorgGone(t.Context()))
	cmd.Wait()
	must(t, hs[0].Signal(unix.SIGTERM)) // gone: no error, and nobody is hit
	hs[0].Close()
}

// TestALookIsNoHolder: whoever looks whether a job runs must not make the one that
// takes the lock believe that a job process does.
func TestALookIsNoHolder(t *testing.T) {
	d := newDir(t)
	lock, err := d.TryLock()
	must(t, err)
	must(t, lock.Close())
	look, err := os.Open(d.file(fileLock))
	must(t, err)
	must(t, flock(look, unix.LOCK_SH|unix.LOCK_NB))
	time.AfterFunc(10*time.Millisecond, func() { look.Close() })
	if lock, err = d.TryLock(); err != nil {
		t.Fatal(err)
	}
	must(t, lock.Close())
}
