package timetable

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"borgfleet/agent/internal/daemon"
	"borgfleet/agent/internal/jobdir"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/schedule"
	"borgfleet/shared/wire"
)

// BenchmarkLook is what the timetable costs a host twice a minute, with nothing
// due.
func BenchmarkLook(b *testing.B) {
	for _, n := range []int{1, 10, 1000} {
		b.Run(fmt.Sprintf("%d", n), func(b *testing.B) {
			h := &host{jobs: b.TempDir(), dirs: map[job.Key]*jobdir.Dir{}}
			for i := range n {
				s := schedule.Schedule{
					ID: int64(i + 1), Key: schedule.Key{byte(i), byte(i >> 8), 1}, Name: "nightly", Cron: "30 2 * * 1-5", Zone: "Europe/Berlin", Enabled: true,
					Splay: time.Hour, Overlap: schedule.OverlapSkip, RetryDelay: schedule.DefaultRetryDelay,
				}
				h.by = append(h.by, daemon.Scheduled{Repository: job.Repository{ID: int64(i + 1), Path: "/r"}, By: []*fleetv1.Schedule{wire.FromSchedule(s)}})
			}
			t := New(Options{
				Host: h, Dir: b.TempDir(), Checked: b.TempDir(), Zone: HostZone, Logger: slog.New(slog.DiscardHandler),
				Now: func() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) },
			})
			t.look()
			b.ReportAllocs()
			for b.Loop() {
				t.look()
			}
		})
	}
}
