package borg

import (
	"math"
	"strings"
	"time"

	"borgfleet/shared/job"
)

const (
	speedWindow = 30 * time.Second
	// etaSmoothing is the time after which a change of speed has reached the
	// estimate by two thirds.
	etaSmoothing = 15 * time.Second
	// sampleEvery bounds the window to a fixed number of samples.
	sampleEvery = 500 * time.Millisecond
)

// Meter turns borg's counters into progress that is honest: the percentage
// never goes back and never says 100 before the end; a total that was passed
// is raised; what is not known is 0 and has the source "none". It is not safe
// for concurrent use.
type Meter struct {
	start   time.Time
	total   int64
	source  job.TotalSource
	samples []sample // the last speedWindow, and one before it
	smooth  float64  // bytes/s
	smoothT time.Time
	last    job.Progress
}

type sample struct {
	at   time.Time
	size int64
}

// NewMeter starts measuring. previous is the content size (bytes, as borg's
// progress counts it) of the last good run of the same sources; 0: none.
func NewMeter(start time.Time, previous int64) *Meter {
	m := &Meter{start: start, source: job.TotalNone, samples: []sample{{start, 0}}}
	if previous > 0 {
		m.total, m.source = previous, job.TotalPrevious
	}
	m.last.TotalSource, m.last.TotalExpected = m.source, m.total
	return m
}

// SetWalkTotal replaces the total by what a size scan counted, in bytes.
func (m *Meter) SetWalkTotal(total int64) {
	m.total, m.source = max(total, m.last.OriginalSize), job.TotalWalk
	m.last.TotalExpected, m.last.TotalSource = m.total, m.source
}

// Observe takes borg's counters at a time and returns the progress to show.
func (m *Meter) Observe(c Counters, now time.Time) job.Progress {
	if m.source != job.TotalNone && c.OriginalSize > m.total {
		m.total = c.OriginalSize
	}
	p := job.Progress{
		OriginalSize:   c.OriginalSize,
		CompressedSize: c.CompressedSize,
		DedupSize:      c.DedupSize,
		NFiles:         c.NFiles,
		CurrentFile:    c.File(),
		Percent:        m.last.Percent,
		TotalExpected:  m.total,
		TotalSource:    m.source,
	}
	if m.total > 0 {
		// Rounded down to a hundredth: 99.999 is not 100.
		percent := math.Floor(float64(c.OriginalSize)/float64(m.total)*1e4) / 100
		p.Percent = max(p.Percent, min(99, percent))
	}
	speed := m.speed(c.OriginalSize, now)
	p.Speed = megabytes(speed)
	p.ETA = m.eta(c.OriginalSize, speed, now)
	m.last = p
	return p
}

// Last is the progress that Observe returned last. A run that failed or was
// cancelled keeps it.
func (m *Meter) Last() job.Progress { return m.last }

// Final is the progress of a good end: the archive's own figures, and the mean
// speed of the whole run.
func (m *Meter) Final(figures job.Progress, wall time.Duration) job.Progress {
	p := figures
	p.CurrentFile = ""
	p.Percent = 100
	p.TotalExpected = p.OriginalSize
	p.TotalSource = m.source
	p.ETA = 0
	p.Speed = 0
	if wall > 0 {
		p.Speed = megabytes(float64(p.OriginalSize) / wall.Seconds())
	}
	m.last = p
	return p
}

// speed is in bytes/s over the window.
func (m *Meter) speed(size int64, now time.Time) float64 {
	newest := m.samples[len(m.samples)-1]
	if len(m.samples) == 1 || now.Sub(newest.at) >= sampleEvery {
		m.samples = append(m.samples, sample{now, size})
	}
	// The oldest sample stays until the one after it is old enough, so that
	// the window is never shorter than it says.
	drop := 0
	for drop+1 < len(m.samples) && now.Sub(m.samples[drop+1].at) >= speedWindow {
		drop++
	}
	m.samples = m.samples[:copy(m.samples, m.samples[drop:])]
	oldest := m.samples[0]
	dt := now.Sub(oldest.at).Seconds()
	if dt <= 0 || size <= oldest.size {
		return 0
	}
	return float64(size-oldest.size) / dt
}

func (m *Meter) eta(size int64, speed float64, now time.Time) int64 {
	switch {
	case m.smoothT.IsZero(), now.Sub(m.start) < speedWindow:
		// The speed is a mean since the start: smoothing would only drag the
		// first slow moments along, and contradict the speed beside it.
		m.smooth = speed
	default:
		dt := max(0, now.Sub(m.smoothT).Seconds())
		m.smooth += (speed - m.smooth) * (1 - math.Exp(-dt/etaSmoothing.Seconds()))
	}
	m.smoothT = now
	left := m.total - size
	if speed <= 0 || m.smooth <= 0 || left <= 0 || m.source == job.TotalNone {
		return 0
	}
	seconds := math.Ceil(float64(left) / m.smooth)
	if seconds > 365*24*3600 {
		return 0 // nobody can say
	}
	return int64(seconds)
}

// megabytes: 10^6 bytes, to a thousandth.
func megabytes(bytesPerSecond float64) float64 {
	return math.Round(bytesPerSecond/1e3) / 1e3
}

// File is the path with its leading slash (borg prints it without, and every
// source is absolute), fit for JSON and terminals.
func (c Counters) File() string {
	if c.Path == "" || strings.HasPrefix(c.Path, "/") {
		return escapeText(c.Path, false)
	}
	return "/" + escapeText(c.Path, false)
}
