package retention

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"borgfleet/shared/job"
)

// BenchmarkWriter is one small job stored and synced, by one caller after the
// other, while nothing else is done, while old logs and jobs are removed, and while
// the disk is given back.
func BenchmarkWriter(b *testing.B) {
	for name, beside := range map[string]func(*bench) func(context.Context){
		"alone": func(*bench) func(context.Context) { return func(context.Context) {} },
		"sweep": func(w *bench) func(context.Context) {
			w.history(10_000, 20)
			k := w.usual(Policy{Logs: 30 * day, History: 730 * day})
			return func(ctx context.Context) { k.Sweep(ctx) }
		},
		"pack": func(w *bench) func(context.Context) {
			w.history(4_000, 200)
			w.sweep(Policy{Logs: 30 * day})
			k := w.usual(Policy{})
			return func(ctx context.Context) {
				_ = w.st.GiveBack(ctx, func(took time.Duration) error { return k.Pause(ctx, took) })
			}
		},
	} {
		b.Run(name, func(b *testing.B) {
			w := &bench{t: b, dir: b.TempDir(), clock: now, wrote: now, usualSize: true}
			w.open()
			defer func() { w.must(w.st.Close()) }()
			w.add(one{kind: job.Backup, status: job.Completed})
			run := beside(w)
			ctx, stop := context.WithCancel(context.Background())
			ended := make(chan struct{})
			go func() { defer close(ended); run(ctx) }()
			took := make([]time.Duration, 0, b.N)
			b.ResetTimer()
			for range b.N {
				began := time.Now()
				w.add(one{kind: job.Backup, status: job.Running})
				took = append(took, time.Since(began))
			}
			b.StopTimer()
			working := 1.0
			select {
			case <-ended:
				working = 0
			default:
			}
			stop()
			<-ended
			slices.Sort(took)
			for name, at := range map[string]int{"p50-µs": len(took) / 2, "p99-µs": len(took) * 99 / 100, "max-µs": len(took) - 1} {
				b.ReportMetric(float64(took[at].Microseconds()), name)
			}
			b.ReportMetric(working, "at-work-to-the-end")
		})
	}
}

// history makes jobs of three years, with logs of so many lines.
func (b *bench) history(n, lines int) {
	for from := 0; from < n; from += 100 {
		b.addEach(100, func(i int) one {
			return one{kind: job.Backup, status: job.Completed, ended: 1000*day - time.Duration(from+i)*time.Minute, lines: lines}
		})
	}
}

// usual is a keeper with the usual pauses.
func (b *bench) usual(p Policy) *Keeper {
	return New(Options{Store: b.st, Policy: p, Audit: b, Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return b.clock }})
}
