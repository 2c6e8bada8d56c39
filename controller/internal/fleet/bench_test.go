package fleet

import (
	"context"
	"fmt"
	"slices"
	"sync"
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
