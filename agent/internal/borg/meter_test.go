package borg

import (
	"math"
	"testing"
	"time"

	"borgfleet/shared/job"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var meterStart = time.Date(2026, 11, 23, 4, 0, 0, 0, time.UTC)

func at(seconds float64) time.Time {
	return meterStart.Add(time.Duration(seconds * float64(time.Second)))
}

func size(n int64) Counters { return Counters{OriginalSize: n} }

func TestMeterUnknownTotal(t *testing.T) {
	m := NewMeter(meterStart, 0)
	p := m.Observe(Counters{OriginalSize: 2_000_000, CompressedSize: 3, DedupSize: 2, NFiles: 1, Path: "a\nb"}, at(1))
	want := job.Progress{OriginalSize: 2_000_000, CompressedSize: 3, DedupSize: 2, NFiles: 1, CurrentFile: `/a\nb`, Speed: 2, TotalSource: job.TotalNone}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(p, m.Last()); diff != "" {
		t.Error(diff)
	}
}

func TestMeterTotals(t *testing.T) {
	m := NewMeter(meterStart, 1000)
	if p := m.Observe(size(500), at(1)); p.Percent != 50 || p.TotalExpected != 1000 || p.TotalSource != job.TotalPrevious || p.ETA != 1 {
		t.Errorf("%+v", p)
	}
	m.SetWalkTotal(10_000)
	p := m.Observe(size(600), at(2))
	if p.Percent != 50 || p.TotalExpected != 10_000 || p.TotalSource != job.TotalWalk {
		t.Errorf("a larger total moved the percentage back: %+v", p)
	}
	if p = m.Observe(size(6000), at(3)); p.Percent != 60 {
		t.Errorf("%+v", p)
	}
	m.SetWalkTotal(100) // less than what was read already
	if p = m.Observe(size(6001), at(4)); p.Percent != 99 || p.TotalExpected != 6001 || p.ETA != 0 {
		t.Errorf("a total that was passed: %+v", p)
	}
	m = NewMeter(meterStart, 1_000_000)
	if p = m.Observe(size(999_999), at(1)); p.Percent != 99 {
		t.Errorf("%+v", p)
	}
}

func TestMeterSpeedWindow(t *testing.T) {
	m := NewMeter(meterStart, 1<<40)
	for s := range 120 {
		m.Observe(size(int64(s)*10_000_000), at(float64(s)))
	}
	if p := m.Last(); p.Speed != 10 {
		t.Errorf("steady speed: %v", p.Speed)
	}
	// A standstill is seen at once in part, after the window entirely.
	done := int64(119 * 10_000_000)
	if p := m.Observe(size(done), at(134)); math.Abs(p.Speed-5) > 0.5 {
		t.Errorf("half a window of standstill: %v", p.Speed)
	}
	if p := m.Observe(size(done), at(150)); p.Speed != 0 || p.ETA != 0 {
		t.Errorf("a window of standstill: %+v", p)
	}
	if n := len(m.samples); n > 70 {
		t.Errorf("%d samples kept", n)
	}
}

func TestMeterETA(t *testing.T) {
	m := NewMeter(meterStart, 100_000_000)
	var p job.Progress
	for s := 1; s <= 40; s++ {
		p = m.Observe(size(int64(s)*1_000_000), at(float64(s)))
	}
	if p.ETA != 60 {
		t.Errorf("60 MB left at 1 MB/s: %d s", p.ETA)
	}
	// One fast second does not turn the estimate upside down.
	if q := m.Observe(size(60_000_000), at(41)); q.ETA > 60 || q.ETA < 25 {
		t.Errorf("after a jump: %d s", q.ETA)
	}
}

func TestMeterFinal(t *testing.T) {
	m := NewMeter(meterStart, 50)
	m.Observe(size(10), at(1))
	p := m.Final(job.Progress{OriginalSize: 20_000_000, NFiles: 3, CurrentFile: "/x"}, 10*time.Second)
	want := job.Progress{OriginalSize: 20_000_000, NFiles: 3, Percent: 100, Speed: 2, TotalExpected: 20_000_000, TotalSource: job.TotalPrevious}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Error(diff)
	}
	if p = NewMeter(meterStart, 0).Final(job.Progress{}, 0); p.Percent != 100 || p.Speed != 0 {
		t.Errorf("%+v", p)
	}
}

func TestMeterIsHonestProperty(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := NewMeter(meterStart, rapid.Int64Range(-1, 1000).Draw(rt, "previous"))
		now, done, percent := meterStart, int64(0), 0.0
		for range rapid.IntRange(1, 50).Draw(rt, "steps") {
			if rapid.IntRange(0, 9).Draw(rt, "walk") == 0 {
				m.SetWalkTotal(rapid.Int64Range(0, 5000).Draw(rt, "total"))
			}
			now = now.Add(time.Duration(rapid.Int64Range(-1000, 20_000).Draw(rt, "ms")) * time.Millisecond)
			done += rapid.Int64Range(0, 300).Draw(rt, "bytes")
			p := m.Observe(size(done), now)
			switch {
			case p.Percent < percent, p.Percent > 99, math.IsNaN(p.Percent):
				rt.Fatalf("percent %v after %v", p.Percent, percent)
			case p.Speed < 0, p.ETA < 0, math.IsNaN(p.Speed), math.IsInf(p.Speed, 0):
				rt.Fatalf("%+v", p)
			case p.TotalSource == job.TotalNone && p.TotalExpected != 0, p.TotalSource != job.TotalNone && p.TotalExpected < done:
				rt.Fatalf("total %+v", p)
			}
			percent = p.Percent
		}
	})
}

// TestETAFitsTheSpeedBesideIt, also after a slow first second.
func TestETAFitsTheSpeedBesideIt(t *testing.T) {
	start := time.Unix(1000, 0)
	m := NewMeter(start, 100_000_000)
	m.Observe(Counters{OriginalSize: 1_000}, start.Add(time.Second))
	p := m.Observe(Counters{OriginalSize: 40_000_000}, start.Add(4*time.Second))
	if want := math.Ceil(60 / p.Speed); math.Abs(float64(p.ETA)-want) > 1 {
		t.Errorf("%d s left at %.1f MB/s, want %.0f", p.ETA, p.Speed, want)
	}
}
