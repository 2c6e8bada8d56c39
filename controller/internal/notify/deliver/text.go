package deliver

import (
	"fmt"
	"strings"

	"borgfleet/controller/internal/notify"
)

// subject is what people read first.
func subject(events []notify.Event) string {
	if len(events) == 1 {
		return "borgfleet: " + events[0].Title
	}
	return fmt.Sprintf("borgfleet: %d notifications, the first: %s", len(events), events[0].Title)
}

// body has all of it, the oldest first.
func body(events []notify.Event) string {
	var b strings.Builder
	for i, e := range events {
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "%s  %s: %s\n", e.At.UTC().Format("2006-01-02 15:04:05Z"), e.Event, e.Title)
		if e.Message != "" {
			fmt.Fprintf(&b, "%s\n", e.Message)
		}
		if j := e.Job; j != nil {
			fmt.Fprintf(&b, "Its log: borgfleet-controller jobs logs %d\n", j.ID)
		}
	}
	return b.String()
}

// urgent says whether somebody should look.
func urgent(events []notify.Event) bool {
	for _, e := range events {
		switch e.Event {
		case notify.Success, notify.Recovered, notify.Warning, notify.Test:
		default:
			return true
		}
	}
	return false
}
