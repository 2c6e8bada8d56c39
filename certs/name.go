package certs

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

const (
	scheme       = "spiffe"
	pathAgent    = "/agent/"
	pathControl  = "/controller"
	maxAgentID   = 64
	fleetIDBytes = 16
)

// CheckAgentID says whether id may stand in a certificate: 1 to 64 lower-case
// letters, digits and hyphens. Anything else could mean two things in a URI.
func CheckAgentID(id string) error {
	if id == "" || len(id) > maxAgentID || strings.ContainsFunc(id, notIDRune) {
		return fmt.Errorf("%q cannot be an agent id: 1 to %d lower-case letters, digits and hyphens", id, maxAgentID)
	}
	return nil
}

func notIDRune(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-')
}

func checkFleetID(id string) error {
	if b, err := hex.DecodeString(id); err != nil || len(b) != fleetIDBytes || id != strings.ToLower(id) {
		return fmt.Errorf("%q is not a fleet id", id)
	}
	return nil
}

func fleetURI(fleetID string) *url.URL {
	return &url.URL{Scheme: scheme, Host: fleetID}
}

func controllerURI(fleetID string) *url.URL {
	return &url.URL{Scheme: scheme, Host: fleetID, Path: pathControl}
}

func agentURI(fleetID, agentID string) *url.URL {
	return &url.URL{Scheme: scheme, Host: fleetID, Path: pathAgent + agentID}
}

// onlyURI gives the one name of a certificate. A second name of any sort is
// refused, not ignored: whoever picked the other one would see another peer.
func onlyURI(c *x509.Certificate) (*url.URL, error) {
	if len(c.URIs) != 1 || len(c.DNSNames)+len(c.EmailAddresses)+len(c.IPAddresses) != 0 {
		return nil, errors.New("the certificate does not have exactly one name, a URI")
	}
	u := c.URIs[0]
	// The parts are compared with what they make when put together again, so
	// that user info, ports, queries, fragments and escapes cannot hide.
	if u.Scheme != scheme || u.String() != (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String() {
		return nil, fmt.Errorf("the certificate's name %q is not a plain %s URI", u, scheme)
	}
	return u, nil
}

// fleetOf reads the fleet id from an authority's certificate.
func fleetOf(ca *x509.Certificate) (string, error) {
	u, err := onlyURI(ca)
	if err != nil {
		return "", err
	}
	if !ca.BasicConstraintsValid || !ca.IsCA || u.Path != "" {
		return "", fmt.Errorf("the certificate of %s is not a fleet's certificate authority", u)
	}
	return u.Host, checkFleetID(u.Host)
}

// Fingerprint is the SHA-256 of a certificate in hex, as join tokens and
// people know it.
func Fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}
