package jobdir

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// drainAll runs a drain to its end.
func drainAll(t *testing.T, dr *Drain, gone chan struct{}) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- dr.Run(gone) }()
	select {
	case err := <-done:
		must(t, err)
	case <-time.After(20 * time.Second):
		t.Fatal("the drain does not end")
	}
}

func TestDrainToTheEnd(t *testing.T) {
	d := newDir(t)
	w, err := d.OpenFIFO(Stderr)
	must(t, err)
	dr, err := d.OpenDrain(Stderr, 0)
	must(t, err)
	defer dr.Close()
	var want bytes.Buffer
	for i := range 20000 {
		fmt.Fprintf(&want, "line %d of some length\n", i)
	}
	go func() {
		for line := range bytes.Lines(want.Bytes()) {
			w.Write(line)
		}
		w.Close()
	}()
	drainAll(t, dr, nil)
	got, err := d.ReadSpool(Stderr, 10<<20)
	must(t, err)
	if !bytes.Equal(got, want.Bytes()) || dr.Size() != int64(want.Len()) {
		t.Errorf("%d bytes of %d", len(got), want.Len())
	}
	if dr.copying {
		t.Log("this file system has no splice")
	}
}

// TestPipeBlocksForBorg: a pipe that does not block makes Python fail when it
// is full.
func TestPipeBlocksForBorg(t *testing.T) {
	d := newDir(t)
	w, err := d.OpenFIFO(Stderr)
	must(t, err)
	defer w.Close()
	dr, err := d.OpenDrain(Stderr, 0)
	must(t, err)
	defer dr.Close()
	cmd := exec.Command("python3", "-c", "import os; print(os.get_blocking(2), os.get_blocking(1))")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, w
	must(t, cmd.Run())
	if out.String() != "True True\n" {
		t.Errorf("blocking: %s", out.String())
	}
}

// TestLeftoverWriterDoesNotHold: an ssh connection master keeps the pipe open.
func TestLeftoverWriterDoesNotHold(t *testing.T) {
	d := newDir(t)
	w, err := d.OpenFIFO(Stderr)
	must(t, err)
	defer w.Close()
	dr, err := d.OpenDrain(Stderr, 0)
	must(t, err)
	defer dr.Close()
	gone := make(chan struct{})
	go func() {
		w.WriteString("last words\n")
		close(gone)
	}()
	drainAll(t, dr, gone)
	if got, _ := d.ReadSpool(Stderr, 100); string(got) != "last words\n" {
		t.Errorf("%q", got)
	}
}

// TestHeldPipesKeep: the daemon holds the pipe, borg and the job process are
// gone, the next one finds what borg wrote.
func TestHeldPipesKeep(t *testing.T) {
	d := newDir(t)
	hold, err := d.HoldPipes()
	must(t, err)
	w, err := d.OpenFIFO(Stdout)
	must(t, err)
	w.WriteString("{}")
	w.Close()
	dr, err := d.OpenDrain(Stdout, 0)
	must(t, err)
	defer dr.Close()
	gone := make(chan struct{})
	close(gone)
	drainAll(t, dr, gone)
	must(t, hold.Close())
	if got, _ := d.ReadSpool(Stdout, 100); string(got) != "{}" {
		t.Errorf("%q", got)
	}
}

// TestSpoolIsPunched: it keeps its offsets, not its blocks.
func TestSpoolIsPunched(t *testing.T) {
	d := newDir(t)
	dr, err := d.OpenDrain(Stderr, 100)
	must(t, err)
	defer dr.Close()
	if dr.Size() != 100 {
		t.Fatalf("the spool begins at %d", dr.Size())
	}
	line := bytes.Repeat([]byte("x"), 1023)
	line = append(line, '\n')
	w, err := d.OpenFIFO(Stderr)
	must(t, err)
	go func() {
		for range 9 << 10 {
			w.Write(line)
		}
		w.Close()
	}()
	drainAll(t, dr, nil)
	at := int64(100 + 8<<20)
	dr.Done(at)
	var st unix.Stat_t
	must(t, unix.Fstat(int(dr.spool.Fd()), &st))
	if st.Size != 100+9<<20 || st.Blocks*512 > 2<<20 {
		t.Errorf("%d bytes, %d in blocks", st.Size, st.Blocks*512)
	}
	b := make([]byte, 4096)
	n, err := dr.ReadAt(b, dr.SkipHole(0))
	must(t, err)
	if rest := bytes.TrimLeft(b[:n], "\x00"); len(rest) > 0 && rest[0] != 'x' {
		t.Errorf("after the hole: %q", rest[:10])
	}
}

// TestFullDisk: borg goes on, its lines are counted, and what fits afterwards
// is whole. Needs root for a small tmpfs.
func TestFullDisk(t *testing.T) {
	mnt := smallDisk(t, "8m")
	d, err := Create(mnt, newKey(t), testSpec(), 2)
	must(t, err)
	w, err := d.OpenFIFO(Stderr)
	must(t, err)
	dr, err := d.OpenDrain(Stderr, 0)
	must(t, err)
	defer dr.Close()
	ballast := filepath.Join(mnt, "ballast")
	fillDisk(t, ballast)
	done := make(chan error, 1)
	go func() { done <- dr.Run(nil) }()
	const lines = 50000
	for i := range lines { // more than the pipe holds
		if i == lines-1000 {
			await(t, func() bool { return dr.Lost() > lines/2 })
			must(t, os.Remove(ballast))
			await(t, func() bool { // all that is in the pipe is taken
				n, err := unix.IoctlGetInt(int(w.Fd()), unix.TIOCINQ)
				return err == nil && n == 0
			})
		}
		fmt.Fprintf(w, "line %06d of some length, as borg writes them\n", i)
	}
	w.Close()
	must(t, <-done)
	got, err := d.ReadSpool(Stderr, 10<<20)
	must(t, err)
	whole := 0
	for _, l := range bytes.Split(got, []byte("\n")) {
		if bytes.HasSuffix(l, []byte("as borg writes them")) && bytes.HasPrefix(l, []byte("line ")) {
			whole++
		}
	}
	t.Logf("%d whole lines, %d lost", whole, dr.Lost())
	if whole < 1000 || whole+int(dr.Lost()) < lines-2 || whole+int(dr.Lost()) > lines+2 {
		t.Errorf("%d whole lines and %d counted ones of %d", whole, dr.Lost(), lines)
	}
}

// smallDisk mounts a tmpfs.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can mount a small disk; the store seam shows the journal's part")
	}
	mnt := t.TempDir()
	if err := unix.Mount("tmpfs", mnt, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("cannot mount: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(mnt, unix.MNT_DETACH) })
	return mnt
}

func fillDisk(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	must(t, err)
	defer f.Close()
	for {
		if _, err := f.Write(make([]byte, 4096)); err != nil {
			return
		}
	}
}
