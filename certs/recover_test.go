package certs

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"net"
	"testing"
	"time"
)

// connection gives the two ends of a TLS connection on which the agent shows no
// certificate.
func connection(t *testing.T, a *Authority, c *Credential, now time.Time) (server, client tls.ConnectionState) {
	t.Helper()
	left, right := net.Pipe()
	s, cl := tls.Server(left, serverTLS(t, a, now)), tls.Client(right, c.RecoverTLS(at(now)))
	done := make(chan error, 1)
	go func() { done <- s.Handshake() }()
	if err := errors.Join(cl.Handshake(), <-done); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { left.Close(); right.Close() })
	return s.ConnectionState(), cl.ConnectionState()
}

// recovery is a request to recover, and the connection that it came on.
type recovery struct {
	chain      [][]byte
	csr, proof []byte
	server     tls.ConnectionState
}

func newRecovery(t *testing.T, a *Authority, c *Credential, now time.Time) recovery {
	t.Helper()
	server, client := connection(t, a, c, now)
	_, csr, err := NewKeyAndCSR(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	proof, err := c.NewRecoverProof(client.ExportKeyingMaterial, csr)
	if err != nil {
		t.Fatal(err)
	}
	return recovery{chain: c.Chain(), csr: csr, proof: proof, server: server}
}

func (r recovery) check(a *Authority, now time.Time) (Identity, error) {
	return a.CheckRecover(r.chain, r.csr, r.proof, r.server.ExportKeyingMaterial, now)
}

// TestRecover: for 60 days after its end, and also before: the agent's clock
// may be ahead.
func TestRecover(t *testing.T) {
	a, _ := newTestAuthority(t)
	c := enrolTest(t, a, "web-1")
	end := c.Identity().NotAfter
	for at, want := range map[time.Time]error{
		start: nil, end: nil, end.Add(time.Second): nil,
		end.Add(31 * 24 * time.Hour): nil, end.Add(59 * 24 * time.Hour): nil, end.Add(RecoverFor): nil,
		end.Add(RecoverFor + time.Second): ErrTooLate, end.Add(61 * 24 * time.Hour): ErrTooLate,
	} {
		id, err := newRecovery(t, a, c, at).check(a, at)
		if !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("at %s: %v, want %v", at, err, want)
		}
		if id != c.Identity() {
			t.Errorf("at %s: %+v", at, id)
		}
	}
	if _, err := newRecovery(t, a, c, start).check(a, start.Add(-time.Hour)); err == nil {
		t.Error("a certificate from the future recovers")
	}
}

// TestRecoverBinds: a proof is good on its own connection, for its own request,
// by the certificate's own key.
func TestRecoverBinds(t *testing.T) {
	a, _ := newTestAuthority(t)
	c, other := enrolTest(t, a, "web-1"), enrolTest(t, a, "web-2")
	foreignFleet, _ := newTestAuthority(t)
	foreign := enrolTest(t, foreignFleet, "web-1")
	now := c.Identity().NotAfter.Add(time.Hour)
	good := newRecovery(t, a, c, now)
	if _, err := good.check(a, now); err != nil {
		t.Fatal(err)
	}
	sameKey, err := NewCSR(c.key, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*recovery){
		"another connection": func(r *recovery) { r.server, _ = connection(t, a, c, now) },
		"another request":    func(r *recovery) { _, r.csr, _ = NewKeyAndCSR(rand.Reader) },
		"another key":        func(r *recovery) { r.chain = other.Chain() },
		"another fleet":      func(r *recovery) { r.chain = foreign.Chain() },
		"foreign fleet's proof": func(r *recovery) {
			_, client := connection(t, a, c, now)
			r.chain = foreign.Chain()
			r.proof, _ = foreign.NewRecoverProof(client.ExportKeyingMaterial, r.csr)
		},
		"no proof":    func(r *recovery) { r.proof = nil },
		"cut proof":   func(r *recovery) { r.proof = r.proof[:len(r.proof)-1] },
		"no chain":    func(r *recovery) { r.chain = nil },
		"long chain":  func(r *recovery) { r.chain = append(bytes.Split(make([]byte, 9), nil), r.chain...) },
		"no issuer":   func(r *recovery) { r.chain = r.chain[:1] },
		"not a chain": func(r *recovery) { r.chain = [][]byte{[]byte("x")} },
		"the issuer's": func(r *recovery) {
			issuer := &Credential{key: a.issuingKey}
			server, client := connection(t, a, c, now)
			r.chain, r.server = [][]byte{a.issuing.Raw}, server
			r.proof, _ = issuer.NewRecoverProof(client.ExportKeyingMaterial, r.csr)
		},
		"the controller's": func(r *recovery) {
			cert, err := a.controllerCertificate(start)
			if err != nil {
				t.Fatal(err)
			}
			server, client := connection(t, a, c, now)
			r.chain, r.server = cert.Certificate, server
			r.proof, _ = (&Credential{key: cert.PrivateKey.(crypto.Signer)}).NewRecoverProof(client.ExportKeyingMaterial, r.csr)
		},
		"the old key": func(r *recovery) {
			server, client := connection(t, a, c, now)
			r.csr, r.server = sameKey, server
			r.proof, _ = c.NewRecoverProof(client.ExportKeyingMaterial, r.csr)
		},
		"a plain signature of the request": func(r *recovery) {
			r.proof, _ = crypto.SignMessage(c.key, rand.Reader, r.csr, crypto.SHA256)
		},
	} {
		r := good
		spoil(&r)
		if id, err := r.check(a, now); err == nil {
			t.Errorf("%s: accepted as %+v", name, id)
		}
	}
}

// TestRecoverEd25519: such a key signs the message itself.
func TestRecoverEd25519(t *testing.T) {
	a, _ := newTestAuthority(t)
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := NewCSR(key, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	chain, _, err := a.SignAgent(csr, "web-1", start)
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewCredential(key, chain, a.Root(), a.RootFingerprint(), start)
	if err != nil {
		t.Fatal(err)
	}
	now := c.Identity().NotAfter.Add(time.Hour)
	r := newRecovery(t, a, c, now)
	if _, err := r.check(a, now); err != nil {
		t.Error(err)
	}
	r.proof[0] ^= 1
	if _, err := r.check(a, now); err == nil {
		t.Error("a spoilt proof passes")
	}
}
