package certs

import (
	"bytes"
	"crypto/rand"
	"testing"
	"time"
)

// FuzzRequest: a request for a certificate as a host sends it. What is signed
// names the agent that it was signed for, whatever the request says.
func FuzzRequest(f *testing.F) {
	now := time.Now()
	a, _, err := newAuthority(now, rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	_, csr, err := NewKeyAndCSR(rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(csr)
	f.Fuzz(func(t *testing.T, csr []byte) {
		_, err := RequestKeySHA256(csr)
		_, cert, signErr := a.SignAgent(csr, "agent", now)
		if signErr != nil {
			return
		}
		if err != nil {
			t.Errorf("signed, and its key cannot be told: %v", err)
		}
		if id, err := identityOf(cert, a.FleetID()); err != nil || id.AgentID != "agent" || cert.IsCA || len(cert.DNSNames) > 0 {
			t.Errorf("it was made one of %+v, %v", id, err)
		}
	})
}

// FuzzChain: certificates as the controller answers with them, and as they stand
// in a file. Only those of the key and of the fleet become a credential.
func FuzzChain(f *testing.F) {
	now := time.Now()
	a, _, err := newAuthority(now, rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	key, csr, err := NewKeyAndCSR(rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	chain, _, err := a.SignAgent(csr, "agent", now)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(EncodeChain(chain), chain[0])
	f.Add([]byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"), a.Root())
	f.Fuzz(func(t *testing.T, text, der []byte) {
		for _, given := range [][][]byte{{der}, append([][]byte{der}, chain[1:]...)} {
			c, err := NewCredential(key, given, a.Root(), a.RootFingerprint(), now)
			if err == nil && !bytes.Equal(der, chain[0]) {
				t.Errorf("%x became %+v", der, c.Identity())
			}
		}
		got, err := DecodeChain(text)
		if err != nil {
			return
		}
		again, err := DecodeChain(EncodeChain(got))
		if err != nil || len(again) != len(got) {
			t.Errorf("%d certificates are %d after they were written down, %v", len(got), len(again), err)
		}
		_, _ = NewCredential(key, got, der, a.RootFingerprint(), now)
	})
}
