package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"borgfleet/controller/internal/store"
)

// Store is what is asked of the store.
type Store interface {
	Stats() store.Stats
	Ready() error
	Space() (free, reserve uint64, err error)
	DiskBytes() (int64, error)
	Count() int
	IndexBytes() int64
}

// commits is what the store's committer tells.
type commits struct {
	updates prometheus.Histogram
	took    prometheus.Histogram
	last    prometheus.Gauge
}

func newCommits() commits {
	return commits{
		updates: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Name: "store_commit_updates", Help: "Updates that went to the disk together, in one commit.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 11),
		}),
		took: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Name: "store_commit_duration_seconds", Help: "How long a commit took to be on the disk; nearly all of it is the sync.",
			Buckets: spans(),
		}),
		last: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: namespace, Name: "store_last_commit_timestamp_seconds", Help: "When the newest commit was on the disk; 0 before the first.",
		}),
	}
}

// spans are the buckets of what should take milliseconds.
func spans() []float64 {
	return []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}
}

func (c commits) collectors() []prometheus.Collector {
	return []prometheus.Collector{c.updates, c.took, c.last}
}

// Committed is store.Meter's.
func (c commits) Committed(updates int, took time.Duration) {
	c.updates.Observe(float64(updates))
	c.took.Observe(took.Seconds())
	c.last.SetToCurrentTime()
}

func storeReading(st Store) prometheus.Collector {
	waiting := gauge("store_waiting_updates", "Updates that wait for their commit at this moment.")
	ready := gauge("store_ready", "1 while the store takes writes; 0 if its disk is full, or it has failed.")
	size := gauge("store_disk_bytes", "What the store takes on its disk, as last counted.")
	free := gauge("store_disk_free_bytes", "What is free on the store's disk.")
	reserve := gauge("store_disk_reserve_bytes", "What must be free on the store's disk: below that nothing is stored.")
	rows := gauge("index_rows", "Jobs in the index in memory, which is all that there are.")
	memory := gauge("index_bytes", "Memory that the index of the jobs takes.")
	audited := counter("audit_entries_total", "Entries that were written to the audit log.")
	return reading{[]family{waiting, ready, size, free, reserve, rows, memory, audited}, func(out sink) error {
		stats := st.Stats()
		out.put(waiting, float64(stats.Waiting))
		out.put(audited, float64(stats.Audited))
		out.put(ready, truth(st.Ready() == nil))
		if n, err := st.DiskBytes(); err == nil { // a disk that cannot be read is told by what is left out
			out.put(size, float64(n))
		}
		out.put(rows, float64(st.Count()))
		out.put(memory, float64(st.IndexBytes()))
		// A disk that cannot be asked is no reason to tell nothing: ready is 0 then.
		if f, r, err := st.Space(); err == nil {
			out.put(free, float64(f))
			out.put(reserve, float64(r))
		}
		return nil
	}}
}
