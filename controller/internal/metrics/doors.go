package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"borgfleet/shared/crowd"
)

// Door is a listener with limited room.
type Door interface {
	Counts() crowd.Counts
}

func doorReading(doors map[string]Door) prometheus.Collector {
	open := gauge("listener_connections", "Open connections, of REST or of agents.", "listener")
	strangers := gauge("listener_strangers", "Open connections on which nobody has proved yet who he is.", "listener")
	refused := counter("listener_refused_total", "Connections of strangers that were closed for want of room.", "listener")
	return reading{[]family{open, strangers, refused}, func(out sink) error {
		for name, door := range doors {
			counts := door.Counts()
			labels := pairs(open.labels, []string{name})
			out.with(open, float64(counts.All), labels)
			out.with(strangers, float64(counts.Strangers), labels)
			out.with(refused, float64(counts.Refused), labels)
		}
		return nil
	}}
}
