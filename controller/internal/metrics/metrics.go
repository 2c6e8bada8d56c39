package metrics

import (
	"fmt"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Metrics is all that is measured. It may be used concurrently.
type Metrics struct {
	registry *prometheus.Registry
	turn     chan struct{} // holds one token while nobody makes a page
	commits
	reports
	requests
}

// New makes metrics in which nothing has happened yet.
func New(version string) (*Metrics, error) {
	m := &Metrics{
		registry: prometheus.NewRegistry(), turn: make(chan struct{}, 1),
		commits: newCommits(), reports: newReports(), requests: newRequests(),
	}
	m.turn <- struct{}{}
	all := []prometheus.Collector{collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), build(version)}
	all = append(all, m.commits.collectors()...)
	all = append(all, m.reports.collectors()...)
	all = append(all, m.requests.collectors()...)
	return m, m.register(all...)
}

// Sources are what is asked at each scrape.
type Sources struct {
	Store Store
	Fleet Fleet
	Post  Post
	Ping  Ping
	Doors map[string]Door // by the name of the listener
}

// Read has the sources asked from now on.
func (m *Metrics) Read(s Sources) error {
	return m.register(storeReading(s.Store), fleetReading(s.Fleet), backupReading(s.Fleet), postReading(s.Post), pingReading(s.Ping), doorReading(s.Doors))
}

func (m *Metrics) register(all ...prometheus.Collector) error {
	for _, c := range all {
		if err := m.registry.Register(c); err != nil {
			return fmt.Errorf("register metrics: %w", err)
		}
	}
	return nil
}

func build(version string) prometheus.Collector {
	info := gauge("build_info", "Always 1; the labels say which program this is.", "goversion", "version")
	return reading{[]family{info}, func(out sink) error {
		out.put(info, 1, runtime.Version(), version)
		return nil
	}}
}
