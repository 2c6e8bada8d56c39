package link

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"

	"connectrpc.com/connect"

	"borgfleet/certs"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/proto/fleet/v1/fleetv1connect"
	"borgfleet/shared/wire"
)

// errTooLate says that only a person can help.
var errTooLate = certs.ErrTooLate

// saysExpired tells that the controller does not take the certificate because
// of its age: in its words on a live connection, or by the alert that ends a
// new one. The alert can be lost, as the controller hangs up right after it;
// then the next attempt hears it.
func saysExpired(err error) bool {
	if e, ok := errors.AsType[*connect.Error](err); ok && e.Meta().Get(wire.CodeHeader) == wire.CodeCertificateExpired {
		return true
	}
	e, ok := errors.AsType[*net.OpError](err)
	return ok && e.Op == "remote error" && e.Err.Error() == "tls: expired certificate"
}

// recover gets a certificate in place of one that has expired. Nothing is asked
// once that is too long ago.
func (l *Link) recover(ctx context.Context) error {
	old := l.cred.Load()
	if end := old.Identity().NotAfter; l.o.Now().After(end.Add(certs.RecoverFor)) {
		return fmt.Errorf("%w: this host's certificate ended at %s, and a new one is given for %d days after. Unless this host's clock is wrong, "+
			"enroll this host again: make a token with borgfleet-controller join-token create, and run borgfleet-agent enroll --token-file - with an empty --state-dir",
			errTooLate, end.UTC().Format("2006-01-02 15:04:05Z"), int(certs.RecoverFor.Hours()/24))
	}
	ctx, cancel := context.WithTimeout(ctx, comeTimeout)
	defer cancel()
	conn, export, err := l.dialToRecover(ctx, old)
	if err != nil {
		return err
	}
	defer conn.Close()
	key, csr, err := certs.NewKeyAndCSR(rand.Reader)
	if err != nil {
		return err
	}
	proof, err := old.NewRecoverProof(export, csr)
	if err != nil {
		return err
	}
	client := fleetv1connect.NewFleetServiceClient(&http.Client{Transport: conn}, l.o.Identity.ControllerURL, wire.Limits(maxMessage)...)
	resp, err := client.Recover(ctx, &fleetv1.RecoverRequest{Chain: old.Chain(), Csr: csr, Proof: proof})
	if err != nil {
		return err
	}
	return l.install(key, resp.Chain, resp.Root)
}

// dialToRecover opens one connection without a client certificate, the way all
// others are opened, and gives what binds a proof to it.
func (l *Link) dialToRecover(ctx context.Context, old *certs.Credential) (*http.ClientConn, certs.Exporter, error) {
	u, err := url.Parse(l.o.Identity.ControllerURL)
	if err != nil {
		return nil, nil, fmt.Errorf("controller_url: %w", err)
	}
	transport := l.transport(old.RecoverTLS(l.o.Now))
	// NewClientConn asks for the host's proxy without its port, which a rule of
	// NO_PROXY can name.
	transport.Proxy = func(*http.Request) (*url.URL, error) { return l.o.Proxy(&http.Request{URL: u}) }
	var state tls.ConnectionState // of the last handshake: a proxy's may come before
	conn, err := transport.NewClientConn(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		TLSHandshakeDone: func(s tls.ConnectionState, _ error) { state = s },
	}), u.Scheme, net.JoinHostPort(u.Hostname(), u.Port()))
	if err != nil {
		return nil, nil, fmt.Errorf("dial the controller: %w", err)
	}
	return conn, state.ExportKeyingMaterial, nil
}
