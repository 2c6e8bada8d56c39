package jobdir

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// reading is a reader of a spool that notes where lines are missing.
type reading struct {
	dr    *Drain
	at    int64
	lines []string
	lost  map[int]uint64 // by the number of lines before them
}

// read reads all that is there, and says that it is done with it.
func (r *reading) read(t *testing.T) {
	t.Helper()
	b := make([]byte, r.dr.Size()-r.at)
	if len(b) > 0 {
		_, err := r.dr.ReadAt(b, r.at)
		must(t, err)
	}
	for line := range bytes.Lines(b) {
		r.missing()
		r.at += int64(len(line))
		if text := strings.TrimSuffix(string(line), "\n"); text != "" {
			r.lines = append(r.lines, text)
		}
	}
	r.missing()
	r.dr.Done(r.at)
}

func (r *reading) missing() {
	if lost := r.dr.LostBefore(r.at); lost > 0 {
		r.lost[len(r.lines)] += lost
	}
}

// TestSpoolIsBounded: what borg is ahead of its reader is bounded on a disk that
// is below its floor. What has no room is counted where it is missing, and there
// is room again for what comes when the reader has caught up.
func TestSpoolIsBounded(t *testing.T) {
	mnt := smallDisk(t, "32m")
	d, err := Create(mnt, newKey(t), testSpec(), 2)
	must(t, err)
	w, err := d.OpenFIFO(Stderr)
	must(t, err)
	dr, err := d.OpenDrain(Stderr, 0)
	must(t, err)
	defer dr.Close()
	done := make(chan error, 1)
	go func() { done <- dr.Run(nil) }()
	empty := func() {
		t.Helper()
		await(t, func() bool {
			n, err := unix.IoctlGetInt(int(w.Fd()), unix.TIOCINQ)
			return err == nil && n == 0
		})
	}
	const all, width = 200_000, 80 // 16 MB
	line := func(i int) string { return fmt.Sprintf("%0*d", width-1, i) }
	say := func(from, to int) {
		var b bytes.Buffer
		for i := from; i < to; i++ {
			b.WriteString(line(i) + "\n")
		}
		w.Write(b.Bytes())
		empty()
	}
	r := reading{dr: dr, lost: map[int]uint64{}}
	say(0, all)
	if size := dr.Size(); size > leastAhead+spliceBytes+1 {
		t.Errorf("borg is %d bytes ahead, want at most %d", size, leastAhead+spliceBytes)
	}
	r.read(t)
	first := len(r.lines)
	say(all, all+1000)
	w.Close()
	must(t, <-done)
	r.read(t)

	missing := all - first
	if len(r.lost) != 1 || r.lost[first] < uint64(missing) || r.lost[first] > uint64(missing+1) {
		t.Errorf("missing: %v, want %d after %d lines", r.lost, missing, first)
	}
	for i, l := range r.lines {
		want := line(i)
		if i >= first {
			want = line(i + missing)
		}
		// The line that was cut by the end of the room is no whole one.
		if l != want && !(i == first-1 && strings.HasPrefix(want, l)) {
			t.Fatalf("line %d is %q, want %q", i, l, want)
		}
	}
	if got := len(r.lines); got != first+1000 {
		t.Errorf("%d lines, want %d", got, first+1000)
	}
}

// TestLineWithoutEnd: a line that is longer than all the room must not keep what
// comes behind it from being read.
func TestLineWithoutEnd(t *testing.T) {
	mnt := smallDisk(t, "32m")
	d, err := Create(mnt, newKey(t), testSpec(), 2)
	must(t, err)
	w, err := d.OpenFIFO(Stderr)
	must(t, err)
	dr, err := d.OpenDrain(Stderr, 0)
	must(t, err)
	defer dr.Close()
	done := make(chan error, 1)
	go func() { done <- dr.Run(nil) }()
	block := bytes.Repeat([]byte("x"), 1<<20)
	for range 20 {
		w.Write(block)
	}
	r := reading{dr: dr, lost: map[int]uint64{}}
	await(t, func() bool {
		var last [1]byte
		n, _ := dr.ReadAt(last[:], dr.Size()-1)
		return n == 1 && last[0] == '\n'
	})
	r.read(t)
	w.WriteString("its end\nthe next line\n")
	w.Close()
	must(t, <-done)
	r.read(t)
	if n := len(r.lines); n != 2 || r.lines[1] != "the next line" || r.lost[1] != 1 {
		t.Errorf("%d lines, the last is %.40q; missing: %v", n, r.lines[n-1], r.lost)
	}
}

func TestHolesAreBounded(t *testing.T) {
	var h holes
	h.first.Store(noHole)
	for i := range 3 * int64(mostHoles) {
		h.add(10*i, 1)
	}
	if len(h.all) != mostHoles {
		t.Errorf("%d are kept", len(h.all))
	}
	if before, rest := h.take(10*9), h.take(noHole); before != 10 || rest != 3*mostHoles-10 {
		t.Errorf("%d and %d lines", before, rest)
	}
	if h.take(noHole) != 0 {
		t.Error("told twice")
	}
}
