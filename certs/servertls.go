package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"sync"
	"time"
)

// ServerTLS is the configuration of the agents' listener: TLS 1.3, HTTP/2, and
// a client certificate that may be left out (an agent that enrols has none) but
// must be this fleet's if it is there.
//
// The controller's own certificate lives in memory only. It is made here, so
// that an authority that cannot sign is noticed at the start, and again
// whenever two thirds of its time have gone.
func (a *Authority) ServerTLS(now func() time.Time) (*tls.Config, error) {
	current := &controllerCert{authority: a, now: now}
	if _, err := current.get(nil); err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(a.root)
	return &tls.Config{
		MinVersion:       tls.VersionTLS13,
		NextProtos:       []string{"h2"},
		Time:             now,
		GetCertificate:   current.get,
		ClientAuth:       tls.VerifyClientCertIfGiven,
		ClientCAs:        roots,
		VerifyConnection: onlyHTTP2,
		// A resumed session would stand for a certificate that was looked at
		// in another connection.
		SessionTicketsDisabled: true,
	}, nil
}

// onlyHTTP2 ends a connection that speaks something else. Offering only h2 is
// not enough: a client that offers nothing gets HTTP/1.1, and net/http adds it
// to the offer.
func onlyHTTP2(state tls.ConnectionState) error {
	if state.NegotiatedProtocol != "h2" {
		return errors.New("only HTTP/2 is spoken here")
	}
	return nil
}

// controllerCert is the controller's certificate, renewed as it is used.
type controllerCert struct {
	authority *Authority
	now       func() time.Time

	mu      sync.Mutex // guards cert and renewAt
	cert    *tls.Certificate
	renewAt time.Time
}

func (c *controllerCert) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if c.cert != nil && now.Before(c.renewAt) {
		return c.cert, nil
	}
	cert, err := c.authority.controllerCertificate(now)
	if err != nil {
		if c.cert != nil && now.Before(c.cert.Leaf.NotAfter) {
			return c.cert, nil // the next handshake tries again; this one is still good
		}
		return nil, err
	}
	c.cert, c.renewAt = cert, now.Add(cert.Leaf.NotAfter.Sub(now)*2/3)
	return cert, nil
}
