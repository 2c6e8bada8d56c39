package deliver

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"borgfleet/controller/internal/notify"
	"borgfleet/shared/job"
)

// TestRoom: what does not fit is counted, and nothing is cut in its middle but a single
// event that is too long by itself.
func TestRoom(t *testing.T) {
	many := func(n int, message string) (out []notify.Event) {
		for i := range n {
			out = append(out, notify.Event{Event: notify.Offline, At: notify.Moment{Time: time.Unix(0, 0)}, Title: fmt.Sprintf("host%d is offline", i), Message: message})
		}
		return out
	}
	long := strings.Repeat("é", 100)
	for name, c := range map[string]struct {
		events []notify.Event
		most   int
		named  int // by their titles
		why    int // with their messages
	}{
		"all":              {many(3, long), 4000, 3, 3},
		"without reasons":  {many(40, long), 4000, 40, 0},
		"some":             {many(1000, long), 4000, 70, 0},
		"one, too long":    {many(1, strings.Repeat(long, 50)), 4000, 1, 0},
		"first too long":   {append([]notify.Event{{Title: strings.Repeat(long, 50)}}, many(2, "")...), 4000, 0, 0},
		"all of a big one": {many(1001, long), mostMail, 1001, 1001},
	} {
		text := body(c.events, c.most, nil)
		named, why := strings.Count(text, " is offline\n"), strings.Count(text, "\n"+long+"\n")
		if len(text) > c.most || named != c.named || why != c.why || strings.Contains(text, "\uFFFD") {
			t.Errorf("%s: %d bytes, %d named, %d with a reason: %.300s", name, len(text), named, why, text)
		}
		if rest := fmt.Sprintf("and %d more", len(c.events)-c.named); named < len(c.events) && c.named > 0 && !strings.Contains(text, rest) {
			t.Errorf("%s: %q is not in it: %s", name, rest, text)
		}
	}
	if text := body(append([]notify.Event{{Title: strings.Repeat(long, 50)}}, many(2, "")...), 4000, nil); !strings.Contains(text, "and 2 more") {
		t.Error(text)
	}
}

// TestRareIsNamed: what is cut is of the kinds that there are many of, wherever the
// others stand.
func TestRareIsNamed(t *testing.T) {
	event := func(k notify.Kind, title string) notify.Event {
		return notify.Event{Event: k, At: notify.Moment{Time: time.Unix(0, 0)}, Title: title, Message: "why"}
	}
	var events []notify.Event
	for i := range 300 {
		events = append(events, event(notify.Offline, fmt.Sprintf("host%d is offline", i)))
		if i%50 == 0 {
			events = append(events, event(notify.Failure, fmt.Sprintf("backup%d failed", i)))
		}
	}
	events = append(events, event(notify.Vanished, "1 archive is gone"))
	text := body(events, mostNtfy, nil)
	at := -1
	for _, want := range []string{"1 archive is gone\n", "backup0 failed\n", "backup250 failed\n", "host0 is offline\n", "host1 is offline\n", " more, which have no room"} {
		i := strings.Index(text, want)
		if i <= at {
			t.Errorf("%q is at %d, and what comes before it at %d: %s", want, i, at, text)
		}
		at = i
	}
	if len(text) > mostNtfy {
		t.Errorf("%d bytes", len(text))
	}
	if text = body(events, mostMail, nil); strings.Index(text, "1 archive") < strings.Index(text, "host299") {
		t.Error("with room for all of it the oldest is not first")
	}
}

// TestLogThatIsNotShown: nobody is sent to a log that the controller keeps to itself.
func TestLogThatIsNotShown(t *testing.T) {
	shown := func(s job.Status) bool { return s != job.Completed }
	for status, want := range map[job.Status]bool{job.Completed: false, job.CompletedWithWarnings: true, job.Failed: true} {
		events := []notify.Event{{Event: notify.Success, Title: "backup of web", Job: &notify.Job{ID: 39, Status: string(status)}}}
		if text := body(events, 4000, shown); strings.Contains(text, "jobs logs 39") != want {
			t.Errorf("%s: %s", status, text)
		}
	}
	// By each of the ways to people.
	o := newOffice(t, func(o *Options) { o.LogShown = shown })
	for typ, s := range map[string]Settings{
		Ntfy: {URL: "https://ntfy.example.org/t"}, Shoutrrr: {URL: "generic://example.org"}, Mail: {Host: "mail.example.org"},
	} {
		c, err := o.post.outside.carrier(typ, s, time.Now)
		must(t, err)
		var logs logShown
		switch c := c.(type) {
		case *ntfy:
			logs = c.logs
		case *service:
			logs = c.logs
		case *mailer:
			logs = c.logs
		}
		if logs == nil || logs(job.Completed) {
			t.Errorf("%s does not know which logs are shown", typ)
		}
	}
}
