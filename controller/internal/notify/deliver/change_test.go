package deliver

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestChangeWhileOneIsOnItsWay: a channel that is changed while a server holds its mail
// begins anew when that has ended. Two at once would tell the same twice, and the older
// of the two last; and nobody else waits meanwhile.
func TestChangeWhileOneIsOnItsWay(t *testing.T) {
	m := newMailServer(t, StartTLS)
	var at, most atomic.Int32
	held, release := make(chan struct{}), make(chan struct{})
	free := sync.OnceFunc(func() { close(release) })
	t.Cleanup(free)
	m.hold = func() {
		if n := at.Add(1); n > most.Load() {
			most.Store(n)
		}
		defer at.Add(-1)
		select {
		case held <- struct{}{}:
		default:
		}
		<-release
	}
	o := newOffice(t, func(o *Options) { o.TLS = m.trust })
	slow := o.channel(Mail, m.settings(StartTLS))
	o.runs()
	o.tells(1, 1)
	<-held
	for range 2 {
		_, err := o.post.ChangeChannel(t.Context(), slow.ID, func(name string, s Settings) (string, Settings) {
			s.To = []string{"new@example.org"}
			return name, s
		})
		must(t, err)
	}
	r := newReceiver(t)
	other := o.channel(Webhook, Settings{URL: r.URL})
	o.tells(2, 3)
	o.delivered(other.ID)
	inOrder(t, r.events(t), 2)
	if n := at.Load(); n != 1 {
		t.Errorf("%d mails at once", n)
	}
	free()
	o.delivered(slow.ID)
	if most.Load() > 1 {
		t.Errorf("%d lines of one channel", most.Load())
	}
	mails, _ := m.got()
	for i, mail := range mails {
		if i > 0 && strings.Contains(mail, "failure: event 1") && strings.Contains(mails[i-1], "failure: event 2") {
			t.Errorf("event 1 after event 2")
		}
	}
	if last := mails[len(mails)-1]; !strings.Contains(last, "new@example.org") || !strings.Contains(last, "failure: event 3") {
		t.Errorf("the last one is %s", last)
	}
}

// TestStorm: what waits together goes together, however many hosts it is about; and a
// person who tests the channel need not wait for what is gathered.
func TestStorm(t *testing.T) {
	m := newMailServer(t, StartTLS)
	o := newOffice(t, func(o *Options) { o.TLS, o.Gather = m.trust, time.Hour })
	c := o.channel(Mail, m.settings(StartTLS))
	for i := range 12 { // as a look at the fleet tells them
		o.tells(64*i+1, 64*(i+1))
	}
	o.runs()
	must(t, errOf(o.post.Test(t.Context(), c.ID, "ann")))
	o.delivered(c.ID)
	mails, _ := m.got()
	all := strings.Join(mails, "")
	if len(mails) != 2 || strings.Count(all, "this is a test") == 0 {
		t.Fatalf("%d mails", len(mails))
	}
	if n := strings.Count(all, "failure: event"); n != 12*64 {
		t.Errorf("%d events", n)
	}
}

// TestRefusedForItsSize: a receiver that takes little at once gets little at once.
func TestRefusedForItsSize(t *testing.T) {
	o := newOffice(t)
	r := newReceiver(t)
	r.refuse = func(body string) bool { return strings.Count(body, "failure: event") > 5 }
	c := o.channel(Ntfy, Settings{URL: r.URL + "/x"})
	o.tells(1, 40)
	o.runs()
	o.delivered(c.ID)
	all, taken := "", r.taken()
	for _, q := range taken {
		all += string(q.body)
	}
	if n := len(r.requests()) - len(taken); n > 12 {
		t.Errorf("%d messages of 40 events were refused for their size", n)
	}
	for _, want := range []string{"event 1\\n", "event 20\\n", "event 40\\n"} {
		if strings.Count(all, want) != 1 {
			t.Errorf("%q is there %d times", want, strings.Count(all, want))
		}
	}
}

// TestSettingsThatCannotBeOpened are told before something waits for them, and no more
// when they are given anew.
func TestSettingsThatCannotBeOpened(t *testing.T) {
	o := newOffice(t)
	c := o.channel(Ntfy, Settings{URL: "https://ntfy.example.org/x"})
	o.opt.Key = Key{2}
	o.reopened()
	o.runs()
	await(t, "it is told", func() bool {
		v, err := o.post.Channel(c.ID)
		return err == nil && strings.Contains(v.Error, "notify.key")
	})
	_, err := o.post.ChangeChannel(t.Context(), c.ID, func(name string, _ Settings) (string, Settings) {
		return name, Settings{URL: "https://ntfy.example.org/y"}
	})
	must(t, err)
	if v, err := o.post.Channel(c.ID); err != nil || v.Error != "" || !v.FailingSince.IsZero() {
		t.Errorf("%+v, %v", v, err)
	}
}

// TestAnswerWithoutEnd: the status is the answer.
func TestAnswerWithoutEnd(t *testing.T) {
	o := newOffice(t, func(o *Options) { o.Timeout = time.Minute })
	r := newReceiver(t, flushesAndHangs)
	c := o.channel(Webhook, Settings{URL: r.URL})
	o.tells(1, 1)
	o.runs()
	o.delivered(c.ID)
	if n := len(r.requests()); n != 1 {
		t.Errorf("%d requests", n)
	}
}

// TestCounts: what was tried is counted over changes of the channel.
func TestCounts(t *testing.T) {
	o := newOffice(t)
	r := newReceiver(t, answers(500), nil)
	c := o.channel(Webhook, Settings{URL: r.URL})
	o.tells(1, 2)
	o.runs()
	o.delivered(c.ID)
	must(t, errOf(o.post.ChangeChannel(t.Context(), c.ID, func(name string, s Settings) (string, Settings) { return name, s })))
	r.mu.Lock()
	r.acts = append(r.acts, answers(503, "Retry-After", "3000"))
	r.mu.Unlock()
	began := time.Now()
	o.tells(3, 3)
	await(t, "it is put off", func() bool { v, _ := o.post.Channel(c.ID); return !v.NextTry.IsZero() })
	v, err := o.post.Channel(c.ID)
	must(t, err)
	if want := (Tally{Delivered: 2, Tries: 4, Failures: 2}); v.Tally != want {
		t.Errorf("%+v, want %+v", v.Tally, want)
	}
	if !v.Oldest.Equal(time.Unix(3, 0)) || v.FailingSince.Before(began.Add(-time.Minute)) {
		t.Errorf("%+v", v)
	}
}

func errOf[T any](_ T, err error) error { return err }

// TestStrangerGetsNothing: a receiver that cannot prove who it is, and one that is not
// there by its name, are told as that, and hear nothing.
func TestStrangerGetsNothing(t *testing.T) {
	o := newOffice(t)
	asked := atomic.Int32{}
	stranger := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	stranger.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(stranger.Close)
	for url, want := range map[string]string{
		stranger.URL + "/T0PSECRET":              "certificate",
		"https://no.such.host.invalid/T0PSECRET": "no.such.host.invalid",
	} {
		tested, err := o.post.Test(t.Context(), o.channel(Webhook, Settings{URL: url}).ID, "ann")
		must(t, err)
		if tested.Delivered || !strings.Contains(tested.Answer, want) || strings.Contains(tested.Answer, "T0PSECRET") || asked.Load() > 0 {
			t.Errorf("%s: %+v, asked %d times", url, tested, asked.Load())
		}
	}
}

// TestChangeWhileTheLibrarySends: that cannot be broken off, so the new settings wait,
// however often they are changed.
func TestChangeWhileTheLibrarySends(t *testing.T) {
	for _, changes := range []int{1, 2, 3} {
		t.Run(fmt.Sprint(changes), func(t *testing.T) {
			release := make(chan struct{})
			free := sync.OnceFunc(func() { close(release) })
			hold := func(http.ResponseWriter, *http.Request) { <-release }
			o := newOffice(t)
			r := newReceiver(t, hold, hold, hold, hold)
			t.Cleanup(free)
			c := o.channel(Shoutrrr, Settings{URL: "generic+" + r.URL + "/hook"})
			o.runs()
			o.tells(1, 1)
			await(t, "it is on its way", func() bool { return len(r.requests()) == 1 })
			for range changes {
				old := o.lineOf(c.ID)
				must(t, errOf(o.post.ChangeChannel(t.Context(), c.ID, func(name string, s Settings) (string, Settings) { return name, s })))
				await(t, "the old line has ended", func() bool { return o.lineOf(c.ID) != old && ended(old.done) })
			}
			o.tells(2, 2)
			other := o.channel(Webhook, Settings{URL: newReceiver(t).URL})
			o.tells(3, 3)
			o.delivered(other.ID) // time enough for one that does not wait
			if n := len(r.requests()); n != 1 {
				t.Errorf("%d messages at once", n)
			}
			free()
			o.delivered(c.ID)
			if got := r.requests(); !strings.Contains(string(got[len(got)-1].body), "event 3") {
				t.Errorf("the last one is %s", got[len(got)-1].body)
			}
		})
	}
}

func (o *office) lineOf(id int64) *running {
	o.post.mu.Lock()
	defer o.post.mu.Unlock()
	return o.post.lines[id]
}

func ended(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}
