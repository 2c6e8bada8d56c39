package doctor

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"borgfleet/certs"
	"borgfleet/shared/checkup"
	"borgfleet/shared/term"
)

// mostSkew is how far a clock may be off before somebody is told; the answer's
// date has whole seconds.
const mostSkew = time.Minute

// contact is what came of asking the controller something harmless.
type contact struct {
	untried string   // why it was not asked
	proxy   *url.URL // on the way
	err     error    // no answer
	known   bool     // this host's certificate was shown
	status  int
	said    string // the controller's words, of a refusal
	ahead   time.Duration
	dated   bool
}

// dial asks for a page that is not there: the answer tells that the way is open,
// that it is the fleet's controller, that this host's certificate is taken, and
// what time it is there. A Hello would end the daemon's connection.
func (h *host) dial(ctx context.Context) contact {
	if h.idErr != nil {
		return contact{untried: "this host is not enrolled"}
	}
	cred, err := certs.LoadCredential(h.o.State.Credential())
	if err != nil {
		return contact{untried: "without this host's certificate the controller cannot be told from another"}
	}
	var c contact
	// One that has ended would be refused in the handshake, where nothing more
	// can be seen.
	conf := cred.RecoverTLS(h.o.Now)
	if c.known = h.o.Now().Before(cred.Identity().NotAfter); c.known {
		conf = cred.ClientTLS(h.o.Now)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.id.ControllerURL+"/", nil)
	if err != nil {
		return contact{err: err}
	}
	if c.proxy, err = h.o.Proxy(req); err != nil {
		return contact{err: fmt.Errorf("read the proxy from the environment: %w", err)}
	}
	transport := transportOf(conf, c.proxy)
	defer transport.CloseIdleConnections()
	began := h.o.Now()
	resp, err := transport.RoundTrip(req)
	if err != nil {
		c.err = err
		return c
	}
	defer resp.Body.Close()
	c.status = resp.StatusCode
	if there, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		now := h.o.Now()
		c.dated, c.ahead = true, now.Add(-now.Sub(began)/2).Sub(there)
	}
	if c.status != http.StatusNotFound {
		c.said = message(resp)
	}
	return c
}

func transportOf(conf *tls.Config, proxy *url.URL) *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	return &http.Transport{TLSClientConfig: conf, Protocols: protocols, Proxy: http.ProxyURL(proxy)}
}

// message reads a refusal as the link's protocol writes it.
func message(resp *http.Response) string {
	var e struct{ Message string }
	data, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil || json.Unmarshal(data, &e) != nil || e.Message == "" {
		return "it answers " + resp.Status
	}
	return e.Message
}

func (h *host) controller(context.Context) checkup.Finding { return h.judgeContact(h.contact()) }

func (h *host) judgeContact(c contact) checkup.Finding {
	at, through := h.id.ControllerURL, ""
	if c.proxy != nil {
		through = " through the proxy " + c.proxy.Redacted()
	}
	switch {
	case c.untried != "":
		return checkup.Skip("%s", c.untried)
	case c.err != nil:
		return checkup.Bad(h.wayTo(c), "%s cannot be reached%s: %v", at, through, c.err)
	case c.known && c.status != http.StatusNotFound:
		return checkup.Bad("see on the controller's host: borgfleet-controller agents show "+term.Shell(h.id.Name), "%s does not take this host's certificate: %s", at, c.said)
	}
	return checkup.Good("%s answers%s, and is this fleet's", at, through)
}

// wayTo is what to do about a controller that does not answer.
func (h *host) wayTo(c contact) string {
	u, err := url.Parse(h.id.ControllerURL)
	if err != nil {
		return "correct controller_url in agent.yaml"
	}
	if c.proxy != nil {
		return "see whether the proxy lets it through: curl -vk " + h.id.ControllerURL + "\nto do without it: NO_PROXY=" + u.Hostname()
	}
	if dns, ok := errors.AsType[*net.DNSError](c.err); ok {
		return "see why the name is not known: getent hosts " + term.Shell(dns.Name) + "\nif the controller has moved, set controller_url in agent.yaml and restart the agent"
	}
	return "on the controller's host: borgfleet-controller doctor\nfrom here, past firewalls: curl -vk " + h.id.ControllerURL
}

func (h *host) clock(context.Context) checkup.Finding {
	c := h.contact()
	if !c.dated {
		return checkup.Skip("the controller tells no time")
	}
	return judgeClock(c.ahead)
}

func judgeClock(ahead time.Duration) checkup.Finding {
	const todo = "timedatectl set-ntp true   (here or on the controller's host, whichever is wrong: date -u)"
	switch {
	case ahead > mostSkew:
		return checkup.Warning(todo, "this host's is %s ahead of the controller's", term.Duration(ahead.Truncate(time.Second)))
	case ahead < -mostSkew:
		return checkup.Warning(todo, "this host's is %s behind the controller's", term.Duration((-ahead).Truncate(time.Second)))
	}
	return checkup.Good("as the controller's")
}
