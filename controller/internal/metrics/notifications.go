package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"borgfleet/controller/internal/notify/deliver"
)

// Post is what is asked of how people are told.
type Post interface {
	Channels() []deliver.Channel
}

// postReading tells of channels by their names, which whoever may read the page may
// list, and never of where they lead to.
func postReading(post Post) prometheus.Collector {
	of := func(name, help string, more ...string) family {
		return gauge("notification"+name, help, append([]string{"channel"}, more...)...)
	}
	waiting := of("s_waiting", "Notifications that wait to be delivered by a channel.")
	oldest := of("_oldest_waiting_timestamp_seconds", "When the first that waits happened. Absent if none waits.")
	failing := of("_failing_since_timestamp_seconds", "Since when the channel does not deliver. Absent if its last try went well.")
	last := of("_last_success_timestamp_seconds", "When the channel has last delivered. Absent if never.")
	tries := counter("notification_attempts_total", "Messages by what came of them: delivered or failed.", "channel", "outcome")
	delivered := counter("notifications_delivered_total", "Notifications that were delivered; one message may hold many.", "channel")
	leftOut := counter("notifications_left_out_total", "Notifications that had no room, since there is the channel.", "channel")
	return reading{[]family{waiting, oldest, failing, last, tries, delivered, leftOut}, func(out sink) error {
		for _, c := range post.Channels() {
			labels := pairs(waiting.labels, []string{c.Name})
			out.with(waiting, float64(c.Waiting()), labels)
			out.moment(oldest, c.Oldest, labels)
			out.moment(failing, c.FailingSince, labels)
			out.moment(last, c.DeliveredAt, labels)
			out.put(tries, float64(c.Tries-c.Failures), c.Name, "delivered")
			out.put(tries, float64(c.Failures), c.Name, "failed")
			out.with(delivered, float64(c.Delivered), labels)
			out.with(leftOut, float64(c.LeftOut), labels)
		}
		return nil
	}}
}
