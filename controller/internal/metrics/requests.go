package metrics

import (
	"cmp"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// requests is what the API tells.
type requests struct {
	took      *prometheus.HistogramVec
	responses *prometheus.CounterVec
	streams   prometheus.Gauge
}

func newRequests() requests {
	return requests{
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: "api_request_duration_seconds",
			Help:    "How long a REST call took, without streams. Some calls wait for a host, by what they are for.",
			Buckets: spans(),
		}, []string{"operation"}),
		responses: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "api_responses_total", Help: "REST calls that were answered, by the class of the status.",
		}, []string{"operation", "class"}),
		streams: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: namespace, Name: "api_event_streams", Help: "Streams of events and of logs that are open.",
		}),
	}
}

func (r requests) collectors() []prometheus.Collector {
	return []prometheus.Collector{r.took, r.responses, r.streams}
}

// noOperation is for paths where there is nothing, whatever they are.
const noOperation = "none"

// Answered is api.Metrics's.
func (r requests) Answered(operation string, status int, took time.Duration) {
	r.Streamed(operation, status)
	r.took.WithLabelValues(cmp.Or(operation, noOperation)).Observe(took.Seconds())
}

// Streamed is api.Metrics's.
func (r requests) Streamed(operation string, status int) {
	r.responses.WithLabelValues(cmp.Or(operation, noOperation), strconv.Itoa(status/100)+"xx").Inc()
}

// StreamOpened is api.Metrics's.
func (r requests) StreamOpened() (closed func()) {
	r.streams.Inc()
	return r.streams.Dec
}
