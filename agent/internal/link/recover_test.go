package link

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestRecovery: a host that was switched off beyond its certificate's end comes
// back by itself.
func TestRecovery(t *testing.T) {
	for _, after := range []time.Duration{time.Second, 31 * day, 59 * day} {
		f := newFleet(t)
		h := f.host()
		old := h.serial(t)
		f.pass(30*day + after)
		h.run(t)
		await(t, "connected", func() bool { return h.link.Status() == "" })
		hellos, renews, recovers := f.counts()
		if hellos != 1 || renews != 0 || recovers != 1 || h.serial(t) == old || h.serial(t) != f.serials[0] {
			t.Errorf("after %s: %d Hellos, %d renewals, %d recoveries", after, hellos, renews, recovers)
		}
		if !h.link.CertificateExpires().After(f.Now()) {
			t.Error("an old date is shown")
		}
	}
}

// TestTooLateToRecover says what to do, and leaves the controller alone.
func TestTooLateToRecover(t *testing.T) {
	f := newFleet(t)
	var asked atomic.Int64
	h := f.host(func(o *Options) {
		o.Proxy = func(*http.Request) (*url.URL, error) { asked.Add(1); return nil, nil }
	})
	f.pass(30*day + 61*day)
	h.run(t)
	await(t, "a status", func() bool { return strings.Contains(h.link.Status(), "enroll this host again") })
	for _, w := range []string{"60 days", "join-token create", "borgfleet-agent enroll", "--state-dir"} {
		if !strings.Contains(h.link.Status(), w) {
			t.Errorf("the status lacks %q: %s", w, h.link.Status())
		}
	}
	if asked.Load() != 0 {
		t.Error("it dialled all the same")
	}
	if !refused(h.link.recover(t.Context())) {
		t.Error("tried at the pace of a connection that broke")
	}
}

// TestTheControllersClockDecides: by this host's own clock the certificate is
// good, and the controller ends the handshake.
func TestTheControllersClockDecides(t *testing.T) {
	f := newFleet(t)
	behind := &clock{now: f.Now()}
	h := f.host(func(o *Options) { o.Now = behind.Now })
	f.pass(30*day + time.Minute)
	behind.pass(30*day - 2*time.Minute) // further behind, and no new certificate could be judged either
	h.run(t)
	await(t, "connected", func() bool { return h.link.Status() == "" })
	if _, _, recovers := f.counts(); recovers != 1 {
		t.Errorf("%d recoveries", recovers)
	}
}

// TestExpiryOnALiveConnection, by either clock.
func TestExpiryOnALiveConnection(t *testing.T) {
	for name, behind := range map[string]time.Duration{"both": 0, "the controller's": 3 * time.Minute} {
		f := newFleet(t)
		own := &clock{now: f.Now()}
		h := f.host(func(o *Options) {
			o.Now = own.Now
			o.Renewal.Jitter = func() float64 { return 20 } // never due
		})
		h.run(t)
		await(t, "connected", func() bool { return h.link.Status() == "" })
		own.pass(30*day + time.Minute - behind)
		f.pass(30*day + time.Minute)
		await(t, name+": connected anew", func() bool {
			hellos, _, recovers := f.counts()
			return hellos == 2 && recovers == 1 && h.link.Status() == ""
		})
	}
}

// TestRecoveryThroughAProxy goes the way of every other connection.
func TestRecoveryThroughAProxy(t *testing.T) {
	f := newFleet(t)
	proxy := newProxy(t)
	h := f.host(func(o *Options) {
		o.Proxy = func(r *http.Request) (*url.URL, error) {
			if r.URL.Host != f.addr {
				t.Errorf("the proxy for %q is asked for", r.URL.Host)
			}
			return url.Parse("http://" + proxy.addr)
		}
	})
	f.pass(31 * day)
	h.run(t)
	await(t, "connected", func() bool { return h.link.Status() == "" })
	if _, _, recovers := f.counts(); recovers != 1 || proxy.tunnels.Load() != 2 {
		t.Errorf("%d recoveries, %d tunnels", recovers, proxy.tunnels.Load())
	}
}

// proxy knows CONNECT.
type proxy struct {
	addr    string
	tunnels atomic.Int64
}

func newProxy(t *testing.T) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	p := &proxy{addr: listener.Addr().String()}
	server := &http.Server{Handler: http.HandlerFunc(p.tunnel)}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Close()
		<-served
	})
	return p
}

func (p *proxy) tunnel(w http.ResponseWriter, r *http.Request) {
	to, err := net.Dial("tcp", r.Host)
	if err != nil || r.Method != http.MethodConnect {
		http.Error(w, "no", http.StatusBadGateway)
		return
	}
	p.tunnels.Add(1)
	w.WriteHeader(http.StatusOK)
	from, read, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	go func() {
		defer to.Close()
		_, _ = io.Copy(to, read) // not from: the server may have read the first byte already
	}()
	defer from.Close()
	_, _ = io.Copy(from, to)
}
