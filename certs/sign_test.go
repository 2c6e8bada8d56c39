package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"
)

// enrolTest makes an agent of a, with everything checked as the agent does it.
func enrolTest(t *testing.T, a *Authority, agentID string) *Credential {
	t.Helper()
	key, csr, err := NewKeyAndCSR(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	chain, _, err := a.SignAgent(csr, agentID, start)
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewCredential(key, chain, a.Root(), a.RootFingerprint(), start)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSignAgentIgnoresTheRequestsNames(t *testing.T) {
	a, _ := newTestAuthority(t)
	key, err := newKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	evil, _ := url.Parse("spiffe://" + a.FleetID() + "/controller")
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject:        pkix.Name{CommonName: "root", Organization: []string{"evil"}},
		URIs:           []*url.URL{evil},
		DNSNames:       []string{"controller"},
		EmailAddresses: []string{"a@b"},
		IPAddresses:    []net.IP{net.IPv4(1, 2, 3, 4)},
	}, key)
	if err != nil {
		t.Fatal(err)
	}
	chain, c, err := a.SignAgent(csr, "web-1", start)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.DNSNames)+len(c.EmailAddresses)+len(c.IPAddresses) != 0 || len(c.URIs) != 1 ||
		c.URIs[0].String() != "spiffe://"+a.FleetID()+"/agent/web-1" || strings.Contains(c.Subject.String(), "evil") {
		t.Errorf("names: %s %v %v %v %v", c.Subject, c.URIs, c.DNSNames, c.EmailAddresses, c.IPAddresses)
	}
	if c.IsCA || len(c.ExtKeyUsage) != 1 || c.ExtKeyUsage[0] != x509.ExtKeyUsageClientAuth || len(c.UnknownExtKeyUsage) != 0 {
		t.Errorf("may be used as: CA %v, %v", c.IsCA, c.ExtKeyUsage)
	}
	if !c.NotBefore.Equal(start.Add(-Backdate)) || !c.NotAfter.Equal(start.Add(AgentLife)) {
		t.Errorf("valid from %s to %s", c.NotBefore, c.NotAfter)
	}
	if len(chain) != 2 || string(chain[0]) != string(c.Raw) || string(chain[1]) != string(a.issuing.Raw) {
		t.Error("the chain is not the certificate and the issuing authority's")
	}
	_, c2, err := a.SignAgent(csr, "web-1", start)
	if err != nil || c2.SerialNumber.Cmp(c.SerialNumber) == 0 || c.SerialNumber.BitLen() < 96 {
		t.Errorf("serials %v and %v, %v", c.SerialNumber, c2.SerialNumber, err)
	}
}

func TestSignAgentRequests(t *testing.T) {
	a, _ := newTestAuthority(t)
	request := func(key crypto.Signer, err error) []byte {
		if err != nil {
			t.Fatal(err)
		}
		csr, err := NewCSR(key, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return csr
	}
	p256 := request(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	forged := append([]byte(nil), p256...)
	forged[len(forged)-1] ^= 1
	_, edKey, edErr := ed25519.GenerateKey(rand.Reader)
	for _, tt := range []struct {
		name  string
		csr   []byte
		agent string
		want  string // part of the error; empty: signed
	}{
		{"P-256", p256, "a", ""},
		{"Ed25519", request(edKey, edErr), "a", ""},
		{"P-384", request(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)), "a", "P-384"},
		{"RSA", request(rsa.GenerateKey(rand.Reader, 2048)), "a", "RSA"},
		{"forged signature", forged, "a", "signature"},
		{"trailing byte", append(append([]byte(nil), p256...), 0), "a", "request"},
		{"empty", nil, "a", "request"},
		{"huge", make([]byte, maxCSR+1), "a", "bytes"},
		{"no agent", p256, "", "agent id"},
		{"agent with slash", p256, "a/b", "agent id"},
		{"agent going up", p256, "..", "agent id"},
		{"agent in capitals", p256, "A", "agent id"},
		{"agent too long", p256, strings.Repeat("a", 65), "agent id"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := a.SignAgent(tt.csr, tt.agent, start)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

func TestSignAgentNearTheEndOfTheAuthority(t *testing.T) {
	a, _ := newTestAuthority(t)
	_, csr, err := NewKeyAndCSR(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, c, err := a.SignAgent(csr, "a", a.issuing.NotAfter.Add(-time.Hour))
	if err != nil || !c.NotAfter.Equal(a.issuing.NotAfter) {
		t.Errorf("outlives its authority: %v, %v", c, err)
	}
	if _, _, err := a.SignAgent(csr, "a", a.issuing.NotAfter); err == nil {
		t.Error("an authority that has ended signs")
	}
}

func TestRequestKeySHA256IsTheKeys(t *testing.T) {
	key, one, err := NewKeyAndCSR(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	two, err := NewCSR(key, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, other, err := NewKeyAndCSR(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sum := func(csr []byte) string {
		s, err := RequestKeySHA256(csr)
		if err != nil {
			t.Fatal(err)
		}
		return string(s)
	}
	if string(one) == string(two) || sum(one) != sum(two) || sum(one) == sum(other) {
		t.Error("a repeated enrolment is not recognised by its key")
	}
}

func TestIssuedAtIsDecidable(t *testing.T) {
	a, _ := newTestAuthority(t)
	_, csr, err := NewKeyAndCSR(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	issued := func(now time.Time) time.Time {
		_, c, err := a.SignAgent(csr, "a", now)
		if err != nil {
			t.Fatal(err)
		}
		return Identity{NotBefore: c.NotBefore}.IssuedAt()
	}
	validFrom := issued(start.Add(300 * time.Millisecond))
	if !validFrom.Equal(start) {
		t.Errorf("issued at %s, want %s", validFrom, start)
	}
	if !issued(start.Add(-time.Second)).Before(validFrom) {
		t.Error("a certificate issued a second before valid_from is not told from a later one")
	}
	if issued(start.Add(900 * time.Millisecond)).Before(validFrom) {
		t.Error("a certificate issued after valid_from is refused")
	}
}
