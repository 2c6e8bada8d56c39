package fleet

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"borgfleet/controller/internal/store"
)

// BenchmarkEvents is what one mark costs the committer (ns/mark, the median),
// a thousand times a second, with so many subscribers that all want everything.
func BenchmarkEvents(b *testing.B) {
	for _, subscribers := range []int{0, 1, 1000} {
		b.Run(fmt.Sprintf("subscribers=%d", subscribers), func(b *testing.B) {
			f := newFeed()
			ctx, cancel := context.WithCancel(b.Context())
			var all sync.WaitGroup
			for range subscribers {
				r := newEventReader(f, eventFilter{}, named)
				all.Go(func() {
					for ctx.Err() == nil {
						if _, err := r.next(ctx); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			one := make([]store.Changed, 1)
			spent := make([]time.Duration, b.N)
			for i := range b.N {
				one[0] = store.Changed{Thing: store.ThingJob, ID: int64(i % 1000), Agent: "a"}
				began := time.Now()
				f.mark(one)
				spent[i] = time.Since(began)
				time.Sleep(time.Millisecond)
			}
			slices.Sort(spent)
			b.ReportMetric(float64(spent[b.N/2].Nanoseconds()), "ns/mark")
			b.StopTimer()
			cancel()
			all.Wait()
		})
	}
}

// BenchmarkFleet is what the answers about a whole fleet cost: 10 000 hosts with a
// repository each, by 1000 schedules, and a backup of each night of a week.
func BenchmarkFleet(b *testing.B) {
	s, one := benchFleet(b, benched{hosts: 10_000, each: 1, by: 10, nights: 7})
	for _, c := range []struct {
		name string
		ask  func(context.Context) error
	}{
		{"summary", func(ctx context.Context) error { return errOf(s.Summary(ctx)) }},
		{"stale", func(ctx context.Context) error { return errOf(s.Hosts(ctx, HostQuery{StaleOnly: true})) }},
		{"schedules", func(ctx context.Context) error { return errOf(s.Schedules(ctx)) }},
		{"schedule", func(ctx context.Context) error { return errOf(s.Schedule(ctx, one)) }},
	} {
		began := time.Now()
		if err := c.ask(b.Context()); err != nil {
			b.Fatal(err)
		}
		first := time.Since(began)
		b.Run(c.name, func(b *testing.B) {
			before := processorTime(b)
			for b.Loop() {
				if err := c.ask(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
			// On a busy machine the clock says how busy it is.
			b.ReportMetric((processorTime(b)-before).Seconds()*1000/float64(b.N), "cpu-ms/op")
			b.ReportMetric(float64(first.Milliseconds()), "ms-first")
		})
	}
}

// processorTime is what this process has used, garbage collection included.
func processorTime(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// BenchmarkRunNow starts a schedule of so many repositories, one on each host or all
// on one.
func BenchmarkRunNow(b *testing.B) {
	for _, c := range []benched{{hosts: 10_000, each: 1}, {hosts: 1, each: 3000}} {
		b.Run(fmt.Sprintf("hosts=%d,each=%d", c.hosts, c.each), func(b *testing.B) {
			for range b.N {
				b.StopTimer()
				s, one := benchFleet(b, benched{hosts: c.hosts, each: c.each, by: c.hosts * c.each})
				repos := len(s.store.Repositories())
				b.StartTimer()
				out, err := s.RunSchedule(b.Context(), one, "bench")
				if err != nil || len(out.Jobs) != repos {
					b.Fatal(len(out.Jobs), err)
				}
			}
		})
	}
}
