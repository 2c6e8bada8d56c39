package jobdir

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
)

// journalOf makes a job that ended with a journal of that many lines.
func journalOf(t *testing.T, lines int) (d *Dir, segment string) {
	t.Helper()
	d = newDir(t)
	j, err := d.OpenJournal(Limits{MinFree: -1})
	must(t, err)
	for i := range lines {
		j.Append(Line{Record: job.Record{Source: "borg", Text: fmt.Sprint(i + 1)}})
	}
	must(t, j.Close())
	must(t, d.WriteVerdict(job.Verdict{Status: job.Completed, EndedAt: time.Now(), JournalEnd: uint64(lines)}))
	return d, filepath.Join(d.path, dirJournal, segmentName(1))
}

// whole reads the log to the end that the verdict names, and gives how many of
// its lines are there.
func whole(t *testing.T, d *Dir, lines int) (there int) {
	t.Helper()
	r := d.NewReader()
	defer r.Close()
	var all []*fleetv1.Record
	for next := uint64(1); ; {
		recs, after, err := r.Read(next, 100)
		must(t, err)
		if len(recs) == 0 {
			break
		}
		all, next = append(all, recs...), after
	}
	if len(all) != lines {
		t.Fatalf("%d records, want %d", len(all), lines)
	}
	for i, rec := range all {
		if rec.Number != uint64(i+1) {
			t.Fatalf("record %d has number %d", i+1, rec.Number)
		}
		switch {
		case rec.Gap == nil && rec.Text == fmt.Sprint(i+1):
			there++
		case rec.Gap == nil || rec.Gap.Count != 1:
			t.Errorf("record %d: %v", i+1, rec)
		}
	}
	return there
}

// TestAShorterJournalIsToldToItsEnd: less is on the disk than the verdict names.
// Every line is told, or that it is missing: else the log would never be complete.
func TestAShorterJournalIsToldToItsEnd(t *testing.T) {
	for _, c := range []struct {
		name  string
		hurt  func(t *testing.T, segment string, b []byte)
		there int
	}{
		{"cut off", func(t *testing.T, segment string, b []byte) {
			must(t, os.Truncate(segment, int64(len(b)*3/10)))
		}, 3},
		{"damaged in the middle", func(t *testing.T, segment string, b []byte) {
			b[len(b)/2+1] ^= 1
			must(t, os.WriteFile(segment, b, 0o600))
		}, 5},
		{"damaged at the start", func(t *testing.T, segment string, b []byte) {
			b[4] ^= 1
			must(t, os.WriteFile(segment, b, 0o600))
		}, 0},
		{"empty", func(t *testing.T, segment string, _ []byte) { must(t, os.Truncate(segment, 0)) }, 0},
		{"gone", func(t *testing.T, segment string, _ []byte) { must(t, os.Remove(segment)) }, 0},
		{"gone with its directory", func(t *testing.T, segment string, _ []byte) {
			must(t, os.RemoveAll(filepath.Dir(segment)))
		}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, segment := journalOf(t, 9)
			b, err := os.ReadFile(segment)
			must(t, err)
			c.hurt(t, segment, b)
			if there := whole(t, d, 9); there != c.there && there != c.there-1 {
				t.Errorf("%d lines are there, want %d", there, c.there)
			}
		})
	}
}

// TestTheNextSegmentGoesOn: damage ends with the segment that it is in.
func TestTheNextSegmentGoesOn(t *testing.T) {
	s := newForgetful(1)
	j, err := openJournal(s, 0, Limits{MinFree: -1}, time.Now)
	must(t, err)
	for i := range 9 {
		j.Append(Line{Record: job.Record{Source: "borg", Text: fmt.Sprint(i + 1)}})
		if i%3 == 2 {
			j.size = segmentBytes
		}
	}
	must(t, j.Sync())
	hurt := s.live[segmentName(4)]
	hurt.data = bytes.Repeat([]byte{0}, len(hurt.data))
	for from := range uint64(9) {
		recs, next, err := (&Reader{store: s}).read(from+1, 10, 1<<20)
		must(t, err)
		if next != 10 || len(recs) != int(9-from) {
			t.Fatalf("from %d: %d records, next %d", from+1, len(recs), next)
		}
		for _, rec := range recs {
			if missing := rec.Number >= 4 && rec.Number <= 6; missing != (rec.Gap != nil) {
				t.Errorf("from %d: %v", from+1, rec)
			}
		}
	}
}
