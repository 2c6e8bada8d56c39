package main

import (
	"encoding/binary"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"borgfleet/scripts/testenv"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// says wants exactly these problems, by a part of each.
func says(t *testing.T, r *trial, want ...string) {
	t.Helper()
	if len(r.problems) != len(want) {
		t.Fatalf("the problems are %q, want %q", r.problems, want)
	}
	for i, w := range want {
		if !strings.Contains(r.problems[i], w) {
			t.Errorf("problem %q, want %q", r.problems[i], w)
		}
	}
	r.problems = nil
}

func TestAnEndIsForEver(t *testing.T) {
	r := &trial{}
	o := newObserver(r)
	for _, status := range []string{"pending", "running", "completed", "completed"} {
		o.take(1, status, 3)
	}
	says(t, r)
	o.take(1, "running", 3)
	o.take(1, "completed", 3)
	says(t, r, "job 1 was completed, now it is running")
	o.take(1, "completed", 2)
	says(t, r, "had 3 lines")
	o.missing(1)
	o.missing(2)
	says(t, r, "job 2 was promised")
}

// segment writes a journal segment of these texts, numbered from first on; an
// empty one leaves its number out.
func segment(t *testing.T, dir, name string, first uint64, texts ...string) {
	t.Helper()
	var out []byte
	for i, text := range texts {
		if text == "" {
			continue
		}
		payload, err := proto.Marshal(&fleetv1.Record{Number: first + uint64(i), Text: text})
		must(t, err)
		out = append(out, frame(payload)...)
	}
	must(t, os.MkdirAll(dir, 0o700))
	must(t, os.WriteFile(filepath.Join(dir, name), out, 0o600))
}

// frame puts its head before a record.
func frame(payload []byte) []byte {
	head := binary.LittleEndian.AppendUint32(nil, uint32(len(payload)))
	table := crc32.MakeTable(crc32.Castagnoli)
	sum := crc32.Update(crc32.Checksum(head, table), table, payload)
	return append(binary.LittleEndian.AppendUint32(head, sum), payload...)
}

func TestLogsAreWhatJournalsAre(t *testing.T) {
	dir := t.TempDir()
	journal := filepath.Join(dir, "journal")
	segment(t, journal, "00000000000000000001.log", 1, "one", "two")
	segment(t, journal, "00000000000000000003.log", 3, "three")
	r, j := &trial{}, testenv.Job{ID: 7}
	log := func(texts ...string) (out []testenv.Line) {
		for i, text := range texts {
			out = append(out, testenv.Line{Number: uint64(i + 1), Content: text})
		}
		return out
	}
	r.compareJournal(j, log("one", "two", "three"), dir)
	r.compareJournal(j, log("one", "two", "three", "[1 lines are missing here: lost]"), dir)
	says(t, r)
	r.compareJournal(j, log("one", "other", "three"), dir)
	says(t, r, "line 2")
	r.compareJournal(j, log("one", "two"), dir)
	says(t, r, "1 records of its host's journal")
	r.compareJournal(j, log("one", "two", "three", "four"), dir)
	says(t, r, "is not in its host's journal")
	r.compareJournal(j, log("one"), "")
	says(t, r, "no directory")

	segment(t, journal, "00000000000000000003.log", 3, "three", "", "five")
	r.compareJournal(j, log("one", "two", "three", "five"), dir)
	says(t, r, "record 5 where 4 is due")
	segment(t, journal, "00000000000000000003.log", 2, "two once more")
	r.compareJournal(j, log("one", "two", "three"), dir)
	says(t, r, "record 2 where 3 is due")
}

func TestWhatIsLeftIsSeen(t *testing.T) {
	r := &trial{dir: t.TempDir()}
	r.controller = newUnit(notThere{})
	r.daemons = map[string]*unit{"a": newUnit(notThere{}), "b": newUnit(notThere{})}
	if left := r.strangers(); len(left) > 0 {
		t.Fatalf("%q", left)
	}
	cmd := exec.Command("sleep", "1000")
	cmd.Env = []string{"HOME=" + r.dir + "/home"}
	must(t, cmd.Start())
	defer cmd.Wait()
	defer cmd.Process.Kill()
	for len(r.strangers()) == 0 {
	}
}

// notThere is a program that nobody has started.
type notThere struct{}

func (notThere) Start() error  { return nil }
func (notThere) Stop() error   { return nil }
func (notThere) Kill() error   { return nil }
func (notThere) Running() bool { return false }
func (notThere) PID() int      { return 0 }

func TestSecondExecutionsAreSeen(t *testing.T) {
	r := &trial{borg: map[string]witness{}, env: &testenv.Env{Hosts: map[string]*testenv.Host{"a": {StateDir: t.TempDir()}}}}
	w := witness{dir: t.TempDir(), repos: []string{t.TempDir()}}
	r.borg["a"] = w
	ran := func(dir, text string) { must(t, os.WriteFile(filepath.Join(dir, "ran"), []byte(text), 0o600)) }
	ran(w.dir, "k1 init\nk2 list\nk2 locked-out\nk2 list\n")
	ran(w.repos[0], "k3 extract\n")
	r.checkRuns("a")
	says(t, r)
	ran(w.repos[0], "k3 extract\nk3 extract\n")
	r.checkRuns("a")
	says(t, r, "k3 on a 2 times")
	r.jobs = []testenv.Job{{ID: 1, Agent: "a", Status: "completed", Kind: "restore"}}
	ran(w.repos[0], "")
	r.checkRuns("a")
	says(t, r, "no borg ran for it")
}

func TestTheLastLinesMayHaveBeenInThePipe(t *testing.T) {
	wrote := []string{"A /1", "A /2", "A /3"}
	for _, c := range []struct {
		logged string
		n      int
		last   bool
	}{
		{"A /1,A /2,A /3", 0, true}, {"A /1,A /2", 1, true}, {"", 3, true}, {"A /1,A /3", 1, false}, {"A /3", 2, false},
	} {
		got := map[string]int{}
		for _, line := range strings.Split(c.logged, ",") {
			got[line]++
		}
		if n, last := missingOf(wrote, got); n != c.n || last != c.last {
			t.Errorf("of %q %d are missing, the last ones: %v; want %d, %v", c.logged, n, last, c.n, c.last)
		}
	}
}

func TestATornNumberIsNone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "id")
	for text, want := range map[string]uint64{"12\n": 12, "12": 0, "1": 0, "": 0, "\n": 0, "x\n": 0} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if n := number(file); n != want {
			t.Errorf("%q is %d, want %d", text, n, want)
		}
	}
}
