package store

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"borgfleet/controller/internal/history"
	"borgfleet/shared/job"
)

// crashDirVar makes the test binary the child of TestKilled.
const crashDirVar = "STORE_TEST_CRASH_DIR"

// crashChild writes jobs until it is killed. Each line of its output is one
// acknowledged update: the job's id, and how many log lines it has.
func crashChild(dir string) {
	s, err := Open(dir, testOptions())
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	var mu sync.Mutex // guards the output's lines
	say := func(id int64, lines uint64, ended bool) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Println(id, lines, ended)
	}
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for {
				crashJob(s, fmt.Sprint("a", w), say)
			}
		})
	}
	wg.Wait()
}

func crashJob(s *Store, agent string, say func(int64, uint64, bool)) {
	ctx := context.Background()
	var j job.Job
	must := func(err error) {
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
	}
	note := &AuditNote{}
	note.Set(func(e *AuditEntry) { e.What = "startBackup" })
	must(s.Update(WithNote(ctx, note), func(tx *Tx) error {
		j = newJob(tx.NewJobID(), agent)
		tx.About(fmt.Sprint("job/", j.ID), "")
		return tx.PutJob(j)
	}))
	say(j.ID, 0, false)
	for range rand.IntN(30) {
		must(s.Update(ctx, func(tx *Tx) error {
			n := 1 + rand.Uint64N(20)
			if err := tx.AppendLog(j.ID, j.LogNext, lines(j.LogNext, n)); err != nil {
				return err
			}
			j.LogNext += n
			tx.SetLive(j)
			return nil
		}))
		say(j.ID, j.LogNext-1, false)
	}
	must(s.Update(ctx, func(tx *Tx) error {
		j = ended(j, job.Completed)
		j.Verdict.JournalEnd = j.LogNext - 1
		return tx.PutJob(j)
	}))
	say(j.ID, j.LogNext-1, true)
}

type acknowledged struct {
	lines uint64
	ended bool
}

// TestKilled kills a writing process again and again. All that it had been
// told is stored must be there, and everything must agree with everything else.
func TestKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	dir := t.TempDir()
	acked := map[int64]acknowledged{}
	highest := int64(0)
	for round := range 10 {
		seen := runKilled(t, dir, time.Duration(50+rand.IntN(250))*time.Millisecond)
		for id, a := range seen {
			if _, again := acked[id]; again {
				t.Fatalf("round %d: id %d was given twice", round, id)
			}
			if id <= highest {
				t.Fatalf("round %d: id %d is below %d, which was there before", round, id, highest)
			}
			acked[id] = a
		}
		highest = max(highest, checkStore(t, dir, acked))
	}
	if len(acked) < 50 {
		t.Errorf("only %d jobs: nothing was tested", len(acked))
	}
	t.Logf("%d jobs acknowledged", len(acked))
}

func runKilled(t *testing.T, dir string, after time.Duration) map[int64]acknowledged {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashDirVar+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	seen := map[int64]acknowledged{}
	var timer *time.Timer
	for sc := bufio.NewScanner(out); sc.Scan(); {
		if timer == nil { // it has begun to write
			timer = time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
		}
		f := strings.Fields(sc.Text())
		if len(f) != 3 || f[0] == "error" {
			if len(f) > 0 && f[0] == "error" {
				t.Error(sc.Text())
			}
			continue // cut off by the kill
		}
		id, err1 := strconv.ParseInt(f[0], 10, 64)
		n, err2 := strconv.ParseUint(f[1], 10, 64)
		if err1 != nil || err2 != nil || f[2] != "true" && f[2] != "false" {
			continue
		}
		seen[id] = acknowledged{lines: n, ended: f[2] == "true"}
	}
	_ = cmd.Wait() // killed
	return seen
}

// checkStore compares what is stored with what was acknowledged and with
// itself, and gives the highest id.
func checkStore(t *testing.T, dir string, acked map[int64]acknowledged) int64 {
	t.Helper()
	s := open(t, dir)
	defer s.Close()
	jobs, _, err := s.Query(history.Filter{}, "", 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	if len(jobs) != s.Count() {
		t.Fatalf("%d rows, %d jobs", s.Count(), len(jobs))
	}
	there := map[int64]job.Job{}
	highest, active := int64(0), 0
	for _, j := range jobs {
		there[j.ID] = j
		highest = max(highest, j.ID)
		if !j.Status.Final() {
			active++
		}
		if id, ok, err := s.JobByKey(j.Key); id != j.ID || !ok || err != nil {
			t.Fatalf("key of job %d gives %d, %v, %v", j.ID, id, ok, err)
		}
		recs, err := s.Log(j.ID, 1, 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range recs {
			if r.Number != uint64(i+1) {
				t.Fatalf("job %d: line %d where %d should be", j.ID, r.Number, i+1)
			}
		}
		if uint64(len(recs)) != j.LogNext-1 {
			t.Fatalf("job %d: %d lines, next is %d", j.ID, len(recs), j.LogNext)
		}
	}
	for id, a := range acked {
		j, ok := there[id]
		if !ok || j.LogNext-1 < a.lines || a.ended && !j.Status.Final() {
			t.Fatalf("job %d was acknowledged with %+v; stored: %v, next line %d, %s", id, a, ok, j.LogNext, j.Status)
		}
	}
	entries, _, err := s.AuditLog(AuditFilter{}, "", 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	on := map[string]bool{}
	for _, e := range entries {
		on[e.On] = true
	}
	for id := range there {
		if !on[fmt.Sprint("job/", id)] {
			t.Fatalf("job %d is there, and its entry in the audit log is not", id)
		}
	}
	if len(on) != len(there) || len(entries) != len(there) {
		t.Fatalf("%d entries on %d jobs, of %d", len(entries), len(on), len(there))
	}
	if n := len(s.ActiveJobs()); n != active {
		t.Fatalf("%d active jobs, want %d", n, active)
	}
	return highest
}
