package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"
)

// EnrollTLS is the configuration of the first contact, when nothing is known
// of the controller but its root's fingerprint, from the join token.
func EnrollTLS(fingerprint string, now func() time.Time) *tls.Config {
	return clientTLS(now, func(certs []*x509.Certificate) error {
		for _, c := range certs {
			if Fingerprint(c.Raw) == fingerprint {
				return verifyController(certs, c, now())
			}
		}
		return fmt.Errorf("the certificate authority of the controller at this address is not the one in the join token (%.16s…): check that the token is this controller's, and that no proxy opens the connection; borgfleet-controller join-token create makes a new token", fingerprint)
	})
}

// ClientTLS is the configuration of an agent that has enrolled: it shows its
// own certificate and accepts only its own fleet's controller. After a renewal
// a new configuration, and with it a new connection, is made.
func (c *Credential) ClientTLS(now func() time.Time) *tls.Config {
	own := c.tlsCertificate()
	config := clientTLS(now, func(certs []*x509.Certificate) error {
		return verifyController(certs, c.root, now())
	})
	// Not Certificates: from that list the certificate is left out silently
	// when the server does not name its issuer, and the agent would be told
	// that it has none.
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		return own, nil
	}
	return config
}

// RecoverTLS is the configuration of an agent whose certificate has expired: it
// shows none, since with it no connection would come about, and accepts only its
// own fleet's controller.
func (c *Credential) RecoverTLS(now func() time.Time) *tls.Config {
	return clientTLS(now, func(certs []*x509.Certificate) error {
		return verifyController(certs, c.root, now())
	})
}

// clientTLS replaces the standard verification: it compares DNS names, and a
// controller that moves to another host is still the same controller.
func clientTLS(now func() time.Time, verify func([]*x509.Certificate) error) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		NextProtos:         []string{"h2"},
		Time:               now,
		InsecureSkipVerify: true, // VerifyConnection does all of it
		VerifyConnection: func(state tls.ConnectionState) error {
			if len(state.PeerCertificates) == 0 {
				return errors.New("the controller shows no certificate")
			}
			return verify(state.PeerCertificates)
		},
	}
}

// verifyController checks everything that is known of a controller: its chain
// to root, that it may be a server, its dates, and its name.
func verifyController(certs []*x509.Certificate, root *x509.Certificate, now time.Time) error {
	fleetID, err := fleetOf(root)
	if err != nil {
		return fmt.Errorf("verify the controller's certificate: %w", err)
	}
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(root)
	for _, c := range certs[1:] {
		between.AddCert(c)
	}
	leaf := certs[0]
	_, err = leaf.Verify(x509.VerifyOptions{
		Roots:         roots,
		Intermediates: between,
		CurrentTime:   now,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Errorf("the controller's certificate is valid from %s to %s, and here it is %s: check this host's clock and the controller's: %w",
			leaf.NotBefore.UTC().Format(time.RFC3339), leaf.NotAfter.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339), err)
	case errors.As(err, &unknown):
		return fmt.Errorf("the controller at this address belongs to another fleet than this agent: check controller_url, or enroll this host again: %w", err)
	case err != nil:
		return fmt.Errorf("verify the controller's certificate: %w", err)
	}
	u, err := onlyURI(leaf)
	if err != nil {
		return fmt.Errorf("verify the controller's certificate: %w", err)
	}
	if want := controllerURI(fleetID).String(); u.String() != want {
		return fmt.Errorf("verify the controller's certificate: it is for %q, not %q: what answers at this address is not the controller", u, want)
	}
	return nil
}
