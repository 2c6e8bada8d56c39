package deliver

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"borgfleet/controller/internal/notify"
	"borgfleet/controller/internal/store"
)

// TestNtfy by its documented protocol: JSON to the server's root, with the topic.
func TestNtfy(t *testing.T) {
	o := newOffice(t)
	r := newReceiver(t, answers(507))
	c := o.channel(Ntfy, Settings{URL: r.URL + "/sub/backups", Token: "tk_x"})
	o.tells(1, 3)
	o.runs()
	o.delivered(c.ID)
	got := r.requests()
	var m struct {
		Topic, Title, Message string
		Priority              int
		Tags                  []string
	}
	must(t, json.Unmarshal(got[0].body, &m))
	if got[0].path != "/sub/" || got[0].header.Get("Authorization") != "Bearer tk_x" || m.Topic != "backups" ||
		m.Title != "borgfleet: 3 notifications (3 failure), the first: event 1" || m.Priority != ntfyHigh || m.Tags[0] != "failure" || !strings.Contains(m.Message, "event 3") {
		t.Errorf("%s %+v", got[0].path, m)
	}
	must(t, json.Unmarshal(got[1].body, &m)) // alone, after the failure
	if m.Title != "borgfleet: event 1" {
		t.Errorf("%+v", m)
	}
	must(t, json.Unmarshal(got[2].body, &m))
	if len(got) != 3 || !strings.Contains(m.Message, "event 2") || strings.Contains(m.Message, "event 1\n") {
		t.Errorf("%d messages, %+v", len(got), m)
	}
	if _, err := o.post.Test(t.Context(), c.ID, "ann"); err != nil {
		t.Error(err)
	}
	got = r.requests()
	must(t, json.Unmarshal(got[3].body, &m))
	if m.Priority != ntfyUsual {
		t.Errorf("a test is urgent: %+v", m)
	}
}

// TestLongNtfy: what is too long is cut, and counted as delivered.
func TestLongNtfy(t *testing.T) {
	o := newOffice(t)
	r := newReceiver(t)
	c := o.channel(Ntfy, Settings{URL: r.URL + "/x"})
	must(t, o.st.Update(t.Context(), func(tx *store.Tx) error {
		return notify.Tell(tx, notify.Event{Event: notify.Failure, At: *notify.At(time.Now()), Title: "long", Message: strings.Repeat("é", 5000)})
	}))
	o.runs()
	o.delivered(c.ID)
	var m struct{ Message string }
	must(t, json.Unmarshal(r.requests()[0].body, &m))
	if len(m.Message) > 4096 || strings.Contains(m.Message, "\uFFFD") || !strings.HasSuffix(m.Message, "…\n") {
		t.Errorf("%d bytes", len(m.Message))
	}
}

// TestLibrary: the URL names a service; a service that refuses is tried again, and one
// that hangs is neither waited for for ever nor asked twice at once.
func TestLibrary(t *testing.T) {
	o := newOffice(t, func(o *Options) { o.Timeout = 100 * time.Millisecond })
	r := newReceiver(t, answers(500), hangs)
	c := o.channel(Shoutrrr, Settings{URL: "generic+" + r.URL + "/hook"})
	o.tells(1, 1)
	o.runs()
	await(t, "it hangs", func() bool { return strings.Contains(o.st.Outbox(c.ID).Error, "has not answered") })
	if n := len(r.requests()); n != 2 {
		t.Errorf("%d requests while one hangs", n)
	}
	r.CloseClientConnections()
	o.delivered(c.ID)
	got := r.requests()
	if last := got[len(got)-1]; last.path != "/hook" || !strings.Contains(string(last.body), "failure: event 1") {
		t.Errorf("%s %s", last.path, last.body)
	}
}
