package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"borgfleet/controller/internal/notify/ping"
)

// Ping is what is asked of the controller's own dead-man's switch.
type Ping interface {
	State() ping.State
}

// pingReading tells what only the log does else, and never which URL is called.
func pingReading(p Ping) prometheus.Collector {
	last := gauge("ping_last_success_timestamp_seconds", "When the controller's ping URL was last called well. Absent if never since its start.")
	failing := gauge("ping_failing_since_timestamp_seconds", "Since when the calls of the controller's ping URL fail. Absent if the last one went well.")
	return reading{[]family{last, failing}, func(out sink) error {
		st := p.State()
		out.moment(last, st.LastSuccess, nil)
		out.moment(failing, st.FailingSince, nil)
		return nil
	}}
}
