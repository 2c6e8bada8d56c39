package jobdir

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
)

// model is what must be true of a journal whatever happens to it.
type model struct {
	t     *rapid.T
	s     *forgetful
	j     *Journal
	now   time.Time
	texts int               // lines handed to Append
	sent  map[uint64]string // what a reader was given: never anything else again
	acked uint64            // what the controller holds
}

func (m *model) open() {
	j, err := openJournal(m.s, m.acked, Limits{MinFree: -1}, func() time.Time { return m.now })
	if err != nil {
		m.t.Fatalf("open: %v", err)
	}
	m.j = j
}

func (m *model) append(n int) {
	var lines []Line
	for range n {
		m.texts++
		lines = append(lines, Line{Record: job.Record{
			Level: job.LevelWarning, Source: "borg", Text: fmt.Sprint("line ", m.texts), Consumed: uint64(m.texts),
		}})
	}
	m.j.Append(lines...)
}

// send reads what is synced, as the daemon does, and checks it against
// everything that was ever read.
func (m *model) send() {
	end, err := readSynced(m.s)
	if err != nil {
		m.t.Fatalf("read synced: %v", err)
	}
	r := &Reader{store: m.s}
	var last uint64
	for from := uint64(1); from < end; {
		recs, next, err := r.read(from, end, 300)
		if err != nil {
			m.t.Fatalf("read from %d of %d: %v", from, end, err)
		}
		for _, rec := range recs {
			if rec.Number != from {
				m.t.Fatalf("number %d where %d is due", rec.Number, from)
			}
			m.check(rec, &last)
			from++
		}
		if from != next {
			m.t.Fatalf("next is %d, not %d", next, from)
		}
	}
	m.acked = max(m.acked, end)
}

func (m *model) check(rec *fleetv1.Record, last *uint64) {
	text := rec.Text
	if old, ok := m.sent[rec.Number]; ok && old != text {
		m.t.Fatalf("number %d was %q and is %q", rec.Number, old, text)
	}
	m.sent[rec.Number] = text
	if rec.Consumed < *last {
		m.t.Fatalf("number %d goes back to %d from %d", rec.Number, rec.Consumed, *last)
	}
	*last = rec.Consumed
}

// TestJournalKeepsItsPromises: appends, syncs, full disks, kills and power
// cuts in any order. What a reader was given once is there for ever, with the
// same number; numbers are not used twice; the order is kept.
func TestJournalKeepsItsPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &model{
			t: t, s: newForgetful(rapid.Uint64().Draw(t, "seed")),
			now: time.Unix(1e9, 0), sent: map[uint64]string{},
		}
		m.open()
		t.Repeat(map[string]func(*rapid.T){
			"append": func(t *rapid.T) { m.append(rapid.IntRange(1, 5).Draw(t, "n")) },
			"sync": func(*rapid.T) {
				if err := m.j.Sync(); err != nil && !m.s.bad && !m.s.full {
					m.t.Fatalf("sync: %v", err)
				}
			},
			"roll":  func(*rapid.T) { m.j.size = segmentBytes },
			"full":  func(*rapid.T) { m.s.full = !m.s.full },
			"bad":   func(*rapid.T) { m.s.bad = !m.s.bad },
			"kill":  func(*rapid.T) { m.s.full, m.s.bad = false, false; m.open() },
			"power": func(*rapid.T) { m.s.full, m.s.bad = false, false; m.s.powerCut(); m.open() },
			"send":  func(*rapid.T) { m.send() },
			"later": func(*rapid.T) { m.now = m.now.Add(11 * time.Second) },
			"":      func(*rapid.T) {},
		})
		// In the end all is well, and nothing is missing that was not counted.
		m.s.full, m.s.bad = false, false
		m.j.FlushGaps()
		m.append(1)
		if err := m.j.Sync(); err != nil {
			t.Fatalf("last sync: %v", err)
		}
		m.send()
		if got := m.sent[m.j.Next()-1]; got != fmt.Sprint("line ", m.texts) {
			t.Fatalf("the last record is %q", got)
		}
	})
}

// TestNothingIsLostUncounted: without power cuts, lines and counted gaps add up.
func TestNothingIsLostUncounted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &model{t: t, s: newForgetful(1), now: time.Unix(1e9, 0), sent: map[uint64]string{}}
		m.open()
		for _, full := range rapid.SliceOfN(rapid.Bool(), 1, 30).Draw(t, "full") {
			m.s.full = full
			m.append(rapid.IntRange(1, 4).Draw(t, "n"))
		}
		m.s.full = false
		m.j.FlushGaps()
		if err := m.j.Sync(); err != nil {
			t.Fatal(err)
		}
		end, _ := readSynced(m.s)
		recs, _, err := (&Reader{store: m.s}).read(1, end, 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		total := 0
		for _, r := range recs {
			if r.Gap != nil {
				total += int(r.Gap.Count)
			} else {
				total++
			}
		}
		if total != m.texts {
			t.Fatalf("%d lines and counted gaps of %d lines", total, m.texts)
		}
	})
}

// TestControllerKnowsMore: the disk was put back to an older state.
func TestControllerKnowsMore(t *testing.T) {
	m := &model{s: newForgetful(1), now: time.Unix(1e9, 0), acked: 50}
	j, err := openJournal(m.s, 50, Limits{MinFree: -1}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	j.Append(Line{Record: job.Record{Text: "next", Source: "agent"}})
	if err := j.Sync(); err != nil {
		t.Fatal(err)
	}
	r := &Reader{store: m.s}
	recs, next, err := r.read(50, 51, 1<<20)
	if err != nil || len(recs) != 1 || next != 51 {
		t.Fatalf("%d records, next %d, %v", len(recs), next, err)
	}
	if recs[0].Number != 50 || recs[0].Text != "next" {
		t.Errorf("records %v", recs)
	}
	// A reader that asks for the hole is told of each number, once.
	recs, next, err = (&Reader{store: m.s}).read(1, 51, 1<<20)
	if err != nil || len(recs) != 50 || next != 51 {
		t.Fatalf("%d records, next %d, %v", len(recs), next, err)
	}
	missing := uint64(0)
	for _, rec := range recs {
		missing += rec.Gap.GetCount()
	}
	if missing != 49 {
		t.Errorf("%d lines are counted as missing, want 49", missing)
	}
}

// TestDamageIsNotCutOff: what was synced stays, even when it cannot be read.
func TestDamageIsNotCutOff(t *testing.T) {
	s := newForgetful(1)
	j, err := openJournal(s, 0, Limits{MinFree: -1}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		j.Append(Line{Record: job.Record{Text: fmt.Sprint(i), Source: "borg"}})
	}
	if err := j.Sync(); err != nil {
		t.Fatal(err)
	}
	f := s.live[segmentName(1)]
	size := len(f.data)
	f.data[size/2] ^= 1
	j, err = openJournal(s, 0, Limits{MinFree: -1}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.live[segmentName(1)].data) != size {
		t.Error("synced records were cut off")
	}
	j.Append(Line{Record: job.Record{Text: "after", Source: "borg"}})
	if err := j.Sync(); err != nil {
		t.Fatal(err)
	}
	end, _ := readSynced(s)
	recs, _, err := (&Reader{store: s}).read(1, end, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range recs {
		if r.Number != uint64(i+1) {
			t.Fatalf("record %d has number %d", i+1, r.Number)
		}
	}
	if len(recs) != 11 || recs[10].Text != "after" || recs[9].Gap == nil {
		t.Errorf("records %v", recs)
	}
}

// TestLimits: file lists go first, warnings last, the agent's words always.
func TestLimits(t *testing.T) {
	s := newForgetful(1)
	j, err := openJournal(s, 0, Limits{MaxBytes: 20 << 10, MinFree: -1}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 400 {
		text := fmt.Sprintf("%0100d", i)
		j.Append(
			Line{Record: job.Record{Source: "borg", Level: job.LevelInfo, Text: "F" + text}, Expendable: true},
			Line{Record: job.Record{Source: "borg", Level: job.LevelInfo, Text: "I" + text}},
			Line{Record: job.Record{Source: "borg", Level: job.LevelWarning, Text: "W" + text}},
		)
	}
	for i := range 10 { // half of a list is a wrong one
		j.Append(Line{Record: job.Record{Source: "borg", Level: job.LevelInfo, Text: "L", Data: []byte{byte(i)}}})
	}
	j.Append(Line{Record: job.Record{Source: "agent", Text: "the end"}})
	if err := j.Sync(); err != nil {
		t.Fatal(err)
	}
	end, _ := readSynced(s)
	recs, _, err := (&Reader{store: s}).read(1, end, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	kinds, gone := map[byte]int{}, uint64(0)
	for _, r := range recs {
		kinds[r.Text[0]]++
		if r.Gap != nil {
			gone += r.Gap.Count
		}
	}
	if !(kinds['F'] < kinds['I'] && kinds['I'] < kinds['W']) || recs[len(recs)-1].Text != "the end" {
		t.Errorf("kept %v, last %q", kinds, recs[len(recs)-1].Text)
	}
	if kinds['L'] != 10 {
		t.Errorf("%d answers of 10 are left", kinds['L'])
	}
	if total := int(gone) + kinds['F'] + kinds['I'] + kinds['W']; total != 1200 {
		t.Errorf("%d lines of 1200 are accounted for", total)
	}
	if j.total > 24<<10 {
		t.Errorf("the journal has %d bytes", j.total)
	}
}

// TestLongTextIsCut: written out, a line can be several times as long as what
// borg printed. One that no reader takes would hide all that is behind it.
func TestLongTextIsCut(t *testing.T) {
	d := newDir(t)
	j, err := d.OpenJournal(Limits{MinFree: -1})
	must(t, err)
	for _, text := range []string{"before", strings.Repeat(`\x00`, maxRecord/3), strings.Repeat("ö", maxText), "behind"} {
		j.Append(Line{Record: job.Record{Level: job.LevelWarning, Source: "borg", Text: text}})
	}
	must(t, j.Close())
	r := d.NewReader()
	defer r.Close()
	var got []string
	for next := uint64(1); ; {
		recs, after, err := r.Read(next, 1<<20)
		must(t, err)
		if len(recs) == 0 {
			break
		}
		for _, rec := range recs {
			got = append(got, rec.Text)
		}
		next = after
	}
	if len(got) != 4 || got[0] != "before" || got[3] != "behind" {
		t.Fatalf("%d lines", len(got))
	}
	for _, text := range got[1:3] {
		if len(text) > maxText || len(text) < maxText-2 || !strings.HasSuffix(text, cutShort) || !utf8.ValidString(text) {
			t.Errorf("%d bytes, the end is %q", len(text), text[len(text)-30:])
		}
	}
}

// TestAFailedSyncIsNotBelieved: its retry succeeds with nothing on the disk. What
// was published after it is there when the power has gone, and so is what a
// process that died in between had left.
func TestAFailedSyncIsNotBelieved(t *testing.T) {
	for seed := range uint64(20) {
		m := &model{s: newForgetful(seed), now: time.Unix(1e9, 0)}
		m.open()
		for n := range uint64(3) {
			m.append(3)
			m.s.bad = true
			if m.j.Sync() == nil {
				t.Fatal("a sync that failed is taken for good")
			}
			m.s.bad = false
			if n == 1 { // killed: another process goes on
				m.open()
			}
			m.append(3)
			must(t, m.j.Sync())
		}
		end, err := readSynced(m.s)
		must(t, err)
		m.s.powerCut()
		recs, _, err := (&Reader{store: m.s}).read(1, end, 1<<20)
		must(t, err)
		for i, rec := range recs {
			if want := fmt.Sprint("line ", i+1); rec.Text != want {
				t.Fatalf("seed %d: record %d is %q", seed, rec.Number, rec.Text)
			}
		}
		m.open()
		if next := m.j.Next(); next != 19 || end != 19 {
			t.Errorf("seed %d: the next number is %d, published were those below %d", seed, next, end)
		}
	}
}
