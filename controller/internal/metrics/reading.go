package metrics

import (
	"math"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

const namespace = "borgfleet"

// family is a metric that is read at the scrape. Its labels are in their order.
type family struct {
	desc    *prometheus.Desc
	counter bool
	labels  []string
}

func gauge(name, help string, labels ...string) family {
	return family{desc: prometheus.NewDesc(namespace+"_"+name, help, labels, nil), labels: labels}
}

func counter(name, help string, labels ...string) family {
	f := gauge(name, help, labels...)
	f.counter = true
	return f
}

// reading is a collector of families that are read together.
type reading struct {
	families []family
	read     func(sink) error
}

// Describe is prometheus.Collector's.
func (r reading) Describe(ch chan<- *prometheus.Desc) {
	for _, f := range r.families {
		ch <- f.desc
	}
}

// Collect is prometheus.Collector's. What cannot be read fails the scrape: half of
// the truth would look like all of it.
func (r reading) Collect(ch chan<- prometheus.Metric) {
	if err := r.read(sink{ch}); err != nil {
		ch <- prometheus.NewInvalidMetric(r.families[0].desc, err)
	}
}

// sink takes what was read.
type sink struct{ ch chan<- prometheus.Metric }

// put adds a value, with those of the family's labels.
func (s sink) put(f family, value float64, labels ...string) {
	s.with(f, value, pairs(f.labels, labels))
}

// with is put for labels that several families share.
func (s sink) with(f family, value float64, labels []*dto.LabelPair) {
	s.ch <- &sample{family: f, labels: labels, value: value}
}

// moment adds a time, if there is one.
func (s sink) moment(f family, t time.Time, labels []*dto.LabelPair) {
	if !t.IsZero() {
		s.with(f, seconds(t), labels)
	}
}

func seconds(t time.Time) float64 {
	return float64(t.Unix()) + math.Round(float64(t.Nanosecond())/1e6)/1e3
}

func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// pairs are labels with their values. Names come from people and hosts, and one
// that is no text would fail the whole scrape.
func pairs(names, values []string) []*dto.LabelPair {
	all := make([]dto.LabelPair, len(names))
	out := make([]*dto.LabelPair, len(names))
	for i := range names {
		value := strings.ToValidUTF8(values[i], "\uFFFD")
		all[i].Name, all[i].Value = &names[i], &value
		out[i] = &all[i]
	}
	return out
}

// sample is one value. Prometheus's own would copy the labels for each.
type sample struct {
	family
	labels []*dto.LabelPair
	value  float64
}

// Desc is prometheus.Metric's.
func (s *sample) Desc() *prometheus.Desc { return s.desc }

// Write is prometheus.Metric's.
func (s *sample) Write(m *dto.Metric) error {
	m.Label = s.labels
	if s.counter {
		m.Counter = &dto.Counter{Value: &s.value}
	} else {
		m.Gauge = &dto.Gauge{Value: &s.value}
	}
	return nil
}
