package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"borgfleet/certs"
	"borgfleet/shared/checkup"
	"borgfleet/shared/term"
)

// dialTime is how long a door may take to open.
const dialTime = 5 * time.Second

func (p *patient) controller(ctx context.Context) checkup.Finding {
	if p.away != nil {
		err := p.o.Away(p.away)
		todo := "on the controller's own host: borgfleet-controller doctor"
		if p.o.DataDir != "" {
			todo = "borgfleet-controller serve --data-dir " + term.Shell(p.o.DataDir) + "   (with the options that it is always started with)"
		}
		return checkup.Bad(todo, "what a running controller tells is not known: %v", err)
	}
	if err := p.o.Controller.Ready(ctx); err != nil {
		return checkup.Bad("see the controller's log, and its disk", "it runs, and cannot do its work: %v", err)
	}
	return checkup.Good("it runs (%s), and its store can be written", p.service.Version)
}

// closed says why a door cannot be tried; ok if it can.
func (p *patient) closed() (f checkup.Finding, is bool) {
	switch {
	case p.away != nil:
		return checkup.Skip("the controller is not running"), true
	case p.unread != nil:
		return checkup.Warning("restart the controller", "%v", p.unread), true
	case !p.known:
		return checkup.Skip("this controller was started by a version that did not say where it listens"), true
	}
	return checkup.Finding{}, false
}

func (p *patient) restListener(ctx context.Context) checkup.Finding {
	if f, is := p.closed(); is {
		return f
	}
	u, err := url.Parse(p.doors.API)
	if err != nil {
		return checkup.Bad("restart the controller", "%v", err)
	}
	if u.Scheme == "http" {
		conn, err := (&net.Dialer{Timeout: dialTime}).DialContext(ctx, "tcp", near(u.Host))
		if err != nil {
			return checkup.Bad("see what is in the way on this host: ss -ltnp", "%s does not answer: %v", p.doors.API, err)
		}
		conn.Close()
		return judgePlain(u)
	}
	// Whom the certificate is for is for its users to check; here it is enough
	// to know until when.
	leaf, err := handshake(ctx, near(u.Host), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		return checkup.Bad("see what is in the way on this host: ss -ltnp", "%s does not answer: %v", p.doors.API, err)
	}
	return judgeServerCert(p.doors.API, leaf.NotAfter, p.o.Now())
}

// judgePlain: what goes over plain HTTP can be read on the way.
func judgePlain(u *url.URL) checkup.Finding {
	if loopback(u.Hostname()) {
		return checkup.Good("%s answers, for this host alone", u)
	}
	return checkup.Warning("start it with --api-cert and --api-key, or on 127.0.0.1 behind a TLS proxy", "%s is plain HTTP that other hosts can reach: passwords and tokens can be read on the way", u)
}

func judgeServerCert(at string, end, now time.Time) checkup.Finding {
	const todo = "put a new certificate into the files of --api-cert and --api-key, and restart the controller"
	switch left := end.Sub(now); {
	case left <= 0:
		return checkup.Bad(todo, "the certificate of %s ended on %s", at, term.Time(end))
	case left < 14*24*time.Hour:
		return checkup.Warning(todo, "the certificate of %s ends in %s", at, term.Duration(left))
	}
	return checkup.Good("%s answers; its certificate is good until %s", at, term.Time(end))
}

func (p *patient) agentListener(ctx context.Context) checkup.Finding {
	return p.asAgent(ctx, p.doors.AgentListen, func(err error) checkup.Finding {
		return checkup.Bad("see what is in the way on this host: ss -ltnp", "%s does not answer as agents need it: %v", p.doors.AgentListen, err)
	})
}

// agentURL goes the way of a host, as far as it can be gone from here.
func (p *patient) agentURL(ctx context.Context) checkup.Finding {
	return p.asAgent(ctx, p.doors.Agents, func(err error) checkup.Finding {
		const start = "start the controller with --agent-url https://HOST:PORT, as hosts reach it"
		if dns, ok := errors.AsType[*net.DNSError](err); ok {
			return checkup.Bad("getent hosts "+term.Shell(dns.Name)+"\n"+start, "join tokens carry %s, and that name is not known here: %v", p.doors.Agents, err)
		}
		return checkup.Bad("see what is in the way: curl -vk "+p.doors.Agents+"\n"+start, "join tokens carry %s, which does not lead to this controller: %v", p.doors.Agents, err)
	})
}

func (p *patient) asAgent(ctx context.Context, at string, bad func(error) checkup.Finding) checkup.Finding {
	if f, is := p.closed(); is {
		return f
	}
	a, err := certs.OpenAuthorityOf(filepath.Join(p.o.DataDir, "ca"), p.owner())
	if err != nil {
		return checkup.Skip("without the authority it cannot be told from another")
	}
	u, err := url.Parse(at)
	if err != nil {
		return bad(err)
	}
	port := u.Port()
	if port == "" {
		port = "443"
	}
	if _, err := handshake(ctx, near(net.JoinHostPort(u.Hostname(), port)), certs.EnrollTLS(a.RootFingerprint(), p.o.Now)); err != nil {
		return bad(err)
	}
	return checkup.Good("%s answers, and is this fleet's", at)
}

// handshake gives the certificate of what answers at addr.
func handshake(ctx context.Context, addr string, conf *tls.Config) (*x509.Certificate, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	conn, err := (&tls.Dialer{Config: conf}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0], nil
}

// near is where an address that stands for all of this host's is reached here.
func near(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func (p *patient) serverURL(context.Context) checkup.Finding {
	u, err := url.Parse(p.o.Server)
	switch {
	case err != nil:
		return checkup.Bad("write --server as https://HOST", "it is no URL")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return checkup.Warning("serve REST with TLS: borgfleet-controller serve --api-cert FILE --api-key FILE", "%s is plain HTTP: the token can be read on the way", u.Redacted())
	}
	return checkup.Good("%s", u.Redacted())
}
