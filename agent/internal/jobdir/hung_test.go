package jobdir

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestAHungFileSystemOfOthersHoldsNobody: a process of this host has a file of a
// server open that answers no more. Whoever asks what that file is waits as long
// as the server is away.
func TestAHungFileSystemOfOthersHoldsNobody(t *testing.T) {
	d := newDir(t)
	l, err := d.BorgLock()
	must(t, err)
	cmd := holder(t, l)
	other := exec.Command("sleep", "60")
	other.ExtraFiles = []*os.File{hung(t)}
	must(t, other.Start())
	defer func() { other.Process.Kill(); other.Wait() }()

	found := make(chan int, 1)
	go func() {
		hs, err := d.BorgHolders()
		closeAll(hs)
		if err != nil {
			t.Error(err)
		}
		found <- len(hs)
	}()
	select {
	case n := <-found:
		if n != 1 {
			t.Errorf("%d holders", n)
		}
	case <-time.After(10 * time.Second):
		t.Error("it waits for a server that does not answer")
	}
	must(t, cmd.Process.Kill())
	cmd.Wait()
}

// hung is a directory of a file system that answers nothing, until the test
// ends.
func hung(t *testing.T) *os.File {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can mount a file system")
	}
	server, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	must(t, unix.Mount("hung", dir, "fuse", 0, fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0", server.Fd())))
	t.Cleanup(func() {
		must(t, unix.Unmount(dir, unix.MNT_FORCE|unix.MNT_DETACH))
		must(t, server.Close())
	})
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	must(t, err)
	f := os.NewFile(uintptr(fd), dir)
	t.Cleanup(func() { f.Close() })
	return f
}
