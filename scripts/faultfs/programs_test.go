package faultfs

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// childVar names what the test program does instead of testing, as a process
// of its own: what maps files cannot be the process that mounts them.
const childVar = "FAULTFS_CHILD"

func TestMain(m *testing.M) {
	Serving()
	children := map[string]func(dir string) error{"map": mapChild, "badger": badgerChild, "badger-list": badgerList}
	do := children[os.Getenv(childVar)]
	if do == nil {
		os.Exit(m.Run())
	}
	if err := do(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func child(what, dir string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", dir)
	cmd.Env = append(os.Environ(), childVar+"="+what)
	cmd.Stderr = os.Stderr
	return cmd
}

func TestLocksHold(t *testing.T) {
	fs := mounted(t, Options{})
	a, b := written(t, fs, "lock", ""), written(t, fs, "lock", "")
	must(t, unix.Flock(int(a.Fd()), unix.LOCK_EX|unix.LOCK_NB))
	wants(t, unix.Flock(int(b.Fd()), unix.LOCK_EX|unix.LOCK_NB), unix.EWOULDBLOCK)
	must(t, unix.Flock(int(a.Fd()), unix.LOCK_UN))
	must(t, unix.Flock(int(b.Fd()), unix.LOCK_EX|unix.LOCK_NB))
}

func TestFIFOsAreSplicedIntoFiles(t *testing.T) {
	fs := mounted(t, Options{})
	path := filepath.Join(fs.Dir(), "fifo")
	must(t, unix.Mkfifo(path, 0o600))
	fifo, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	defer fifo.Close()
	_, err = fifo.WriteString("a line\n")
	must(t, err)
	spool := written(t, fs, "spool", "")
	n, err := unix.Splice(int(fifo.Fd()), nil, int(spool.Fd()), nil, 1<<16, unix.SPLICE_F_MOVE)
	must(t, err)
	data, err := os.ReadFile(spool.Name())
	must(t, err)
	if n != 7 || string(data) != "a line\n" {
		t.Errorf("%d bytes spliced, file has %q", n, data)
	}
}

func TestChangesAreWatched(t *testing.T) {
	fs := mounted(t, Options{})
	in, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	must(t, err)
	defer unix.Close(in)
	_, err = unix.InotifyAddWatch(in, fs.Dir(), unix.IN_CREATE|unix.IN_MOVED_TO|unix.IN_MODIFY)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(fs.Dir(), "aside"), []byte("x"), 0o600))
	must(t, os.Rename(filepath.Join(fs.Dir(), "aside"), filepath.Join(fs.Dir(), "status")))
	buf := make([]byte, 4096)
	n, err := unix.Read(in, buf)
	must(t, err)
	for _, name := range []string{"aside", "status"} {
		if !bytes.Contains(buf[:n], []byte(name)) {
			t.Errorf("no event of %s", name)
		}
	}
}

func TestSocketsAndModesAndLinks(t *testing.T) {
	fs := mounted(t, Options{})
	path := filepath.Join(fs.Dir(), "sock")
	l, err := net.Listen("unix", path)
	must(t, err)
	defer l.Close()
	c, err := net.Dial("unix", path)
	must(t, err)
	must(t, c.Close())

	f := written(t, fs, "secret", "x")
	must(t, os.Chown(f.Name(), 1, 2))
	must(t, os.Link(f.Name(), f.Name()+"2"))
	var st unix.Stat_t
	must(t, unix.Stat(f.Name()+"2", &st))
	if st.Mode&0o777 != 0o600 || st.Uid != 1 || st.Gid != 2 || st.Nlink != 2 {
		t.Errorf("mode %o, owner %d:%d, %d links", st.Mode, st.Uid, st.Gid, st.Nlink)
	}
	must(t, os.Remove(f.Name()))
	_, err = f.WriteString("y") // open, with one name less
	must(t, err)
	must(t, os.Mkdir(filepath.Join(fs.Dir(), "d"), 0o700))
	must(t, os.WriteFile(filepath.Join(fs.Dir(), "d", "f"), nil, 0o600))
	must(t, os.Symlink("d", filepath.Join(fs.Dir(), "s")))
	if to, err := os.Readlink(filepath.Join(fs.Dir(), "s")); err != nil || to != "d" {
		t.Errorf("link to %q, %v", to, err)
	}
	must(t, os.RemoveAll(filepath.Join(fs.Dir(), "d")))

	asNobody := exec.Command("cat", f.Name()+"2")
	asNobody.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if out, err := asNobody.CombinedOutput(); err == nil || !strings.Contains(string(out), "ermission") {
		t.Errorf("another user reads a file of mode 0600: %q, %v", out, err)
	}
}

// mapChild writes a sparse file through a map: the first page synced, the
// second not; then says so and waits for its end.
func mapChild(dir string) error {
	f, err := os.OpenFile(filepath.Join(dir, "map"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	const size = 256 << 20
	if err := f.Truncate(size); err != nil {
		return err
	}
	m, err := unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	copy(m, "synced")
	if err := unix.Msync(m, unix.MS_SYNC); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	if err := d.Sync(); err != nil {
		return err
	}
	copy(m[size-pageSize:], "only mapped")
	fmt.Println("ready")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func TestAMapIsSyncedByMsyncOnly(t *testing.T) {
	fs := mounted(t, Options{})
	cmd := child("map", fs.Dir())
	in, err := cmd.StdinPipe()
	must(t, err)
	defer in.Close()
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	must(t, err)
	if line != "ready\n" {
		t.Fatalf("the child says %q", line)
	}
	fs.PowerCut(func() { must(t, cmd.Process.Kill()) })
	_ = cmd.Wait()
	if used := fs.Stats().Used; used != pageSize {
		t.Errorf("%d bytes of the disk taken by a sparse file", used)
	}
	start := time.Now()
	must(t, fs.PowerOn())
	t.Logf("power on after %s", time.Since(start))
	f, err := os.Open(filepath.Join(fs.Dir(), "map"))
	must(t, err)
	defer f.Close()
	info, err := f.Stat()
	must(t, err)
	buf := make([]byte, 6)
	_, err = f.ReadAt(buf, 0)
	must(t, err)
	if info.Size() != 256<<20 || string(buf) != "synced" {
		t.Errorf("%d bytes, %q", info.Size(), buf)
	}
	_, err = f.ReadAt(buf, 256<<20-pageSize)
	must(t, err)
	if string(buf) != "\x00\x00\x00\x00\x00\x00" {
		t.Errorf("what was never synced nor written is there: %q", buf)
	}
}

func TestASynchronousWriteIsSynced(t *testing.T) {
	for seed := range uint64(20) {
		fs := mounted(t, Options{Seed: seed})
		f, err := os.OpenFile(filepath.Join(fs.Dir(), "a"), os.O_CREATE|os.O_RDWR|unix.O_DSYNC, 0o600)
		must(t, err)
		syncDir(t, fs.Dir())
		_, err = f.WriteString("at once")
		must(t, err)
		must(t, f.Close())
		fs.PowerCut(nil)
		must(t, fs.PowerOn())
		data, err := os.ReadFile(f.Name())
		must(t, err)
		if string(data) != "at once" {
			t.Fatalf("seed %d: %q", seed, data)
		}
	}
}
