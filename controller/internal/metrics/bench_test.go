package metrics_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"borgfleet/controller/internal/fleet"
)

// BenchmarkPage is a scrape of 10 000 hosts with one repository each, the fleet's
// own answer left out.
func BenchmarkPage(b *testing.B) {
	s := full()
	one, agent := s.backups[0], s.census.Agents[0]
	s.backups, s.census.Agents = nil, nil
	for i := range 10_000 {
		one.AgentName, agent.Name = fmt.Sprintf("host%d.example.org", i), fmt.Sprintf("host%d.example.org", i)
		s.backups, s.census.Agents = append(s.backups, one), append(s.census.Agents, agent)
	}
	m := setup(b, s)
	for _, packing := range []string{"identity", "gzip"} {
		b.Run(packing, func(b *testing.B) {
			b.ReportAllocs()
			size := 0
			for b.Loop() {
				w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/metrics", nil)
				r.Header.Set("Accept-Encoding", packing)
				if err := m.Page(w, r); err != nil {
					b.Fatal(err)
				}
				size = w.Body.Len()
			}
			b.ReportMetric(float64(size), "B/page")
		})
	}
}

// BenchmarkHooks is what is paid where things happen.
func BenchmarkHooks(b *testing.B) {
	m := setup(b, full())
	for name, hook := range map[string]func(){
		"commit":   func() { m.Committed(3, time.Millisecond) },
		"records":  func() { m.Records(3) },
		"register": func() { m.Register() },
		"reported": func() { m.Reported(time.Millisecond) },
		"list":     func() { m.List(fleet.ListTaken) },
		"answered": func() { m.Answered("listJobs", 200, time.Millisecond) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				hook()
			}
		})
	}
}
