package deliver

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"borgfleet/controller/internal/notify"
	"borgfleet/controller/internal/store"
)

// inOrder holds what a receiver got against what was told: from 1 to n, each at least
// once, none before the one that came first, and what came again under its own id.
func inOrder(t *testing.T, got []notify.Event, n int64) {
	t.Helper()
	ids, last := map[int64]string{}, int64(0)
	for _, e := range got {
		switch {
		case e.Sequence == last+1:
			ids[e.Sequence] = e.ID
			last++
		case e.Sequence > last:
			t.Errorf("%d came after %d", e.Sequence, last)
			last = e.Sequence
		case ids[e.Sequence] != e.ID:
			t.Errorf("%d came again as another: %s, %s", e.Sequence, ids[e.Sequence], e.ID)
		}
	}
	if last != n {
		t.Errorf("%d of %d came", last, n)
	}
}

// TestBadReceivers: whatever a receiver does, all of it comes, in order.
func TestBadReceivers(t *testing.T) {
	o := newOffice(t, func(o *Options) { o.Timeout = 200 * time.Millisecond })
	r := newReceiver(t, answers(500), nil, hangs, closes, answers(429, "Retry-After", "0"), nil, answers(404), answers(302, "Location", "/elsewhere"), hangs)
	c := o.channel(Webhook, Settings{URL: r.URL + "/hook"})
	o.runs()
	o.tells(1, 6)
	o.delivered(c.ID)
	inOrder(t, r.events(t), 6)
	if n := len(r.requests()); n != 13 {
		t.Errorf("%d requests: 6 that went well and 7 that did not", n)
	}
	for _, q := range r.requests() {
		if q.path != "/hook" {
			t.Errorf("it went to %s", q.path)
		}
	}
	if box := o.st.Outbox(c.ID); box.Error != "" || box.DeliveredAt.IsZero() {
		t.Errorf("%+v", box)
	}
}

// TestReceiverIsAway: what waits outlives the controller, and the state says why it
// waits.
func TestReceiverIsAway(t *testing.T) {
	o := newOffice(t)
	r := newReceiver(t)
	address := r.Listener.Addr().String()
	r.Close()
	c := o.channel(Webhook, Settings{URL: "http://" + address + "/hook"})
	o.tells(1, 3)
	o.runs()
	await(t, "a failure", func() bool { return o.st.Outbox(c.ID).Error != "" })
	if box := o.st.Outbox(c.ID); !strings.Contains(box.Error, "refused") || box.FailingSince.IsZero() || box.Waiting() != 3 {
		t.Errorf("%+v", box)
	}
	o.reopened()
	o.tells(4, 4)
	o.runs()
	back := listenAt(t, address)
	o.delivered(c.ID)
	inOrder(t, back.events(t), 4)
}

// TestStoppedBetweenDeliveryAndNote: the receiver had it, and nobody heard so: it comes
// again, as the same.
func TestStoppedBetweenDeliveryAndNote(t *testing.T) {
	o := newOffice(t)
	r := newReceiver(t, hangs)
	c := o.channel(Webhook, Settings{URL: r.URL})
	o.runs()
	o.tells(1, 2)
	await(t, "it is on its way", func() bool { return len(r.requests()) == 1 })
	o.reopened()
	if box := o.st.Outbox(c.ID); box.Error != "" {
		t.Errorf("the stop is told as the receiver's failure: %s", box.Error)
	}
	o.runs()
	o.delivered(c.ID)
	got := r.events(t)
	inOrder(t, got, 2)
	if len(got) != 3 || got[0].ID != got[1].ID {
		t.Errorf("%d came, the first as %s and %s", len(got), got[0].ID, got[1].ID)
	}
}

// TestOneHangsOthersDeliver: each channel is its own.
func TestOneHangsOthersDeliver(t *testing.T) {
	o := newOffice(t)
	slow, fast := newReceiver(t, hangs), newReceiver(t)
	o.channel(Webhook, Settings{URL: slow.URL})
	c := o.channel(Webhook, Settings{URL: fast.URL})
	o.runs()
	o.tells(1, 20)
	o.delivered(c.ID)
	inOrder(t, fast.events(t), 20)
	o.stops()
}

// TestRetryAfterIsObeyed: who asks to be left alone is, and a person who tests the
// channel ends that.
func TestRetryAfterIsObeyed(t *testing.T) {
	o := newOffice(t)
	r := newReceiver(t, answers(503, "Retry-After", "3000"))
	c := o.channel(Webhook, Settings{URL: r.URL})
	o.runs()
	o.tells(1, 1)
	await(t, "it is put off", func() bool { v, _ := o.post.Channel(c.ID); return !v.NextTry.IsZero() })
	v, err := o.post.Channel(c.ID)
	must(t, err)
	if d := time.Until(v.NextTry); d < 49*time.Minute || d > 50*time.Minute {
		t.Errorf("the next try is in %s", d)
	}
	o.tells(2, 2)
	if n := len(r.requests()); n != 1 {
		t.Errorf("%d requests", n)
	}
	tested, err := o.post.Test(t.Context(), c.ID, "ann")
	must(t, err)
	if !tested.Delivered || tested.Answer != "200 OK thanks" {
		t.Errorf("%+v", tested)
	}
	o.delivered(c.ID)
	got := r.events(t)
	if len(got) != 4 || got[1].Event != notify.Test || got[2].ID != got[0].ID || got[3].Sequence != 2 {
		t.Errorf("%+v", got)
	}
}

func TestBackoffGrowsAndEnds(t *testing.T) {
	b := DefaultBackoff()
	for failures, most := range map[int]time.Duration{1: b.First, 2: 2 * b.First, 3: 4 * b.First, 50: b.Most} {
		for range 100 {
			if d := b.after(failures, 0); d < most/2 || d > most {
				t.Errorf("%s after %d failures", d, failures)
			}
		}
	}
	if d := b.after(1, 100*time.Hour); d != b.MostAsked {
		t.Errorf("a receiver has it wait for %s", d)
	}
}

// TestLeftOutIsTold: the receiver hears how many it has not heard of.
func TestLeftOutIsTold(t *testing.T) {
	o := newOffice(t)
	r := newReceiver(t)
	c := o.channel(Webhook, Settings{URL: r.URL})
	o.tells(1, store.MostWaiting+7)
	o.runs()
	o.delivered(c.ID)
	got := r.events(t)
	inOrder(t, got, store.MostWaiting+1)
	if e := got[len(got)-1]; e.Event != notify.LeftOut || e.LeftOut != 7 || !strings.Contains(e.Title, "7 ") {
		t.Errorf("%+v", e)
	}
}

// TestChangedChannel: what waits goes to the new address at once.
func TestChangedChannel(t *testing.T) {
	o := newOffice(t, func(o *Options) { o.Backoff = Backoff{First: time.Hour, Most: time.Hour} })
	bad, good := newReceiver(t, answers(500)), newReceiver(t)
	c := o.channel(Webhook, Settings{URL: bad.URL})
	o.runs()
	o.tells(1, 2)
	await(t, "a failure", func() bool { return o.st.Outbox(c.ID).Error != "" })
	_, err := o.post.ChangeChannel(t.Context(), c.ID, func(name string, s Settings) (string, Settings) {
		s.URL = good.URL
		return name, s
	})
	must(t, err)
	o.delivered(c.ID)
	inOrder(t, good.events(t), 2)
}

// TestSignature is as https://www.standardwebhooks.com verifies it.
func TestSignature(t *testing.T) {
	o := newOffice(t)
	r := newReceiver(t)
	c, secret, err := o.post.CreateChannel(t.Context(), NewChannel{Name: "x", Type: Webhook, Settings: Settings{URL: r.URL}})
	must(t, err)
	_, err = o.post.Test(t.Context(), c.ID, "ann")
	must(t, err)
	q := r.requests()[0]
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	must(t, err)
	id, at := q.header.Get("Webhook-Id"), q.header.Get("Webhook-Timestamp")
	if want := "v1," + sign(key, id, at, q.body); q.header.Get("Webhook-Signature") != want {
		t.Errorf("signed %s, want %s", q.header.Get("Webhook-Signature"), want)
	}
	// The example of the specification.
	known, err := signingKey("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	must(t, err)
	if got := sign(known, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", []byte(`{"test": 2432232314}`)); got != "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" {
		t.Errorf("the known message is signed %s", got)
	}
}

func listenAt(t *testing.T, address string) *receiver {
	t.Helper()
	r := &receiver{}
	l, err := listen(address)
	must(t, err)
	r.Server = &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(r.serve)}}
	r.Start()
	t.Cleanup(r.Close)
	return r
}
