package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"borgfleet/controller/internal/history"
	"borgfleet/shared/job"
)

func openBench(b *testing.B, dir string) *Store {
	b.Helper()
	s, err := Open(dir, Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	return s
}

// BenchmarkUpdate is one small job stored, acknowledged and synced, by so many
// callers at once.
func BenchmarkUpdate(b *testing.B) {
	for _, callers := range []int{1, 16, 128, 1024} {
		b.Run(fmt.Sprint(callers), func(b *testing.B) {
			s := openBench(b, b.TempDir())
			concurrently(b, callers, func(tx *Tx) error {
				return tx.PutJob(newJob(tx.NewJobID(), "a1"+fmt.Sprint(rand.IntN(1000))))
			}, s)
		})
	}
}

// BenchmarkLog is ten lines of one of 1000 running jobs.
func BenchmarkLog(b *testing.B) {
	for _, callers := range []int{1, 128} {
		b.Run(fmt.Sprint(callers), func(b *testing.B) {
			s := openBench(b, b.TempDir())
			next := map[int64]uint64{} // touched by the committer only
			concurrently(b, callers, func(tx *Tx) error {
				id := 1 + rand.Int64N(1000)
				first := next[id] + 1
				next[id] += 10
				return tx.AppendLog(id, first, lines(first, 10))
			}, s)
		})
	}
}

// BenchmarkLive is progress, which stays in memory.
func BenchmarkLive(b *testing.B) {
	s := openBench(b, b.TempDir())
	var jobs []job.Job
	for range 1000 {
		jobs = append(jobs, addJobQuick(b, s))
	}
	concurrently(b, 128, func(tx *Tx) error {
		tx.SetLive(jobs[rand.IntN(len(jobs))])
		return nil
	}, s)
}

func addJobQuick(b *testing.B, s *Store) (j job.Job) {
	update(b, s, func(tx *Tx) error {
		j = newJob(tx.NewJobID(), fmt.Sprint("a", rand.IntN(100)))
		j.Spec.Repository.Path = fmt.Sprint("/srv/", j.ID)
		return tx.PutJob(j)
	})
	return j
}

func concurrently(b *testing.B, callers int, fn func(*Tx) error, s *Store) {
	b.ReportAllocs()
	b.ResetTimer()
	before := s.Stats()
	var left atomic.Int64
	left.Store(int64(b.N))
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				if err := s.Update(context.Background(), fn); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	after := s.Stats()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "updates/s")
	if n := after.Commits - before.Commits; n > 0 {
		b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "syncs/s")
		b.ReportMetric(float64(b.N)/float64(n), "updates/sync")
	}
}

// fleet stores n ended jobs of 1000 hosts, as the committer would.
func fleet(b *testing.B, s *Store, n int64) {
	b.Helper()
	const batch = 2000
	for from := int64(1); from <= n; from += batch {
		update(b, s, func(tx *Tx) error {
			for i := from; i < min(from+batch, n+1); i++ {
				j := newJob(tx.NewJobID(), fmt.Sprintf("0190c9a2-7c3e-7000-8000-%012d", i*7919%1000))
				j.Spec.Repository.ID = i * 7919 % 2000
				j.Spec.Repository.Sources = []string{"/home", "/etc", "/var/lib"}
				if i%3 == 0 {
					j.Spec.Kind = job.Prune
				}
				st := job.Completed
				if i%500 == 0 {
					st = job.Failed
				}
				if i%1000 != 0 { // a thousand are running
					j = ended(j, st)
				}
				if err := tx.PutJob(j); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

// BenchmarkHistory: a start with a large history, and pages of it.
func BenchmarkHistory(b *testing.B) {
	n := int64(1_000_000)
	if testing.Short() {
		n = 50_000
	}
	dir := os.Getenv("STORE_BENCH_DIR") // kept, and taken as it is the next time
	if dir == "" {
		dir = b.TempDir()
	}
	s, err := Open(dir, Options{})
	if err != nil {
		b.Fatal(err)
	}
	if s.Count() == 0 {
		began := time.Now()
		fleet(b, s, n)
		b.Logf("%d jobs stored in %v", n, time.Since(began))
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			s, err := Open(dir, Options{})
			if err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			_ = s.Close()
			b.StartTimer()
		}
	})
	s = openBench(b, dir)
	agent := fmt.Sprintf("0190c9a2-7c3e-7000-8000-%012d", 5)
	filters := map[string]history.Filter{
		"newest":      {},
		"agent":       {Agents: []string{agent}},
		"failed":      {Statuses: []job.Status{job.Failed}},
		"agentFailed": {Agents: []string{agent}, Statuses: []job.Status{job.Failed}},
		"none":        {Statuses: []job.Status{job.Cancelled}},
	}
	for name, f := range filters {
		b.Run("page/"+name, func(b *testing.B) {
			for b.Loop() {
				if _, _, err := s.Query(f, "", 50); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("page/anywhere", func(b *testing.B) { // nothing of it is cached
		for b.Loop() {
			until := t0.Add(time.Duration(rand.Int64N(n)) * time.Second)
			if _, _, err := s.Query(history.Filter{Until: until}, "", 50); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("page/whileWriting", func(b *testing.B) {
		ctx, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				for ctx.Err() == nil {
					_ = s.Update(ctx, func(tx *Tx) error { return tx.PutJob(newJob(tx.NewJobID(), agent)) })
				}
			})
		}
		for b.Loop() {
			if _, _, err := s.Query(filters["agentFailed"], "", 50); err != nil {
				b.Fatal(err)
			}
		}
		cancel()
		wg.Wait()
	})
}
