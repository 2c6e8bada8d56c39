package certs

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func newSerial(t *testing.T) *big.Int {
	t.Helper()
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 128))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestCredentialFile(t *testing.T) {
	a, _ := newTestAuthority(t)
	c := enrolTest(t, a, "web-1")
	file := filepath.Join(t.TempDir(), "agent.pem")
	if err := c.Save(file); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	got, err := LoadCredential(file)
	if err != nil {
		t.Fatal(err)
	}
	if got.Identity() != c.Identity() || got.FleetID() != a.FleetID() || got.RootFingerprint() != a.RootFingerprint() {
		t.Error("another credential was read than written")
	}
	if _, serverErr, clientErr := handshake(t, serverTLS(t, a, start), got.ClientTLS(at(start))); serverErr != nil || clientErr != nil {
		t.Errorf("server: %v; client: %v", serverErr, clientErr)
	}
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 8 {
		cut := whole[:len(whole)*i/8]
		if err := os.WriteFile(file, cut, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadCredential(file); err == nil || !strings.Contains(err.Error(), "enroll") {
			t.Errorf("cut to %d bytes: %v", len(cut), err)
		}
	}
	if err := os.WriteFile(file, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadCredential(file); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key that others can read: %v", err)
	}
}

func TestNewCredentialChecksTheAnswer(t *testing.T) {
	a, _ := newTestAuthority(t)
	other, _ := newTestAuthority(t)
	key, csr, err := NewKeyAndCSR(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	otherKey, err := newKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	chain, _, err := a.SignAgent(csr, "web-1", start)
	if err != nil {
		t.Fatal(err)
	}
	foreign, _, err := other.SignAgent(csr, "web-1", start)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{NotBefore: start, NotAfter: start.Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	tmpl.URIs = append(tmpl.URIs, controllerURI(a.FleetID()))
	notAgent, err := a.sign(tmpl, key.Public(), start)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		key   crypto.Signer
		chain [][]byte
		root  []byte
		now   time.Time
		ok    bool
	}{
		{"good", key, chain, a.Root(), start, true},
		{"another key's", otherKey, chain, a.Root(), start, false},
		{"another fleet's", key, foreign, a.Root(), start, false},
		{"another fleet's, root too", key, foreign, other.Root(), start, false},
		{"issuing missing", key, chain[:1], a.Root(), start, false},
		{"empty", key, nil, a.Root(), start, false},
		{"garbage", key, [][]byte{{1, 2}, {3}}, a.Root(), start, false},
		{"not an agent's", key, [][]byte{notAgent.Raw, a.issuing.Raw}, a.Root(), start, false},
		{"expired", key, chain, a.Root(), start.Add(AgentLife + time.Second), false},
		{"not yet valid", key, chain, a.Root(), start.Add(-time.Hour), false},
	} {
		_, err := NewCredential(tt.key, tt.chain, tt.root, a.RootFingerprint(), tt.now)
		if (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// An expired credential must be readable: it is what a recovery begins with.
func TestLoadCredentialThatHasExpired(t *testing.T) {
	a, _ := newTestAuthority(t)
	key, csr, err := NewKeyAndCSR(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	chain, _, err := a.SignAgent(csr, "old", start)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newCredential(key, chain, a.Root()); err != nil {
		t.Error(err)
	}
}

func TestDecodeKeyAndChain(t *testing.T) {
	key, err := newKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	data, err := EncodeKey(key)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeKey(data)
	if err != nil || !samePublicKey(got.Public(), key.Public()) {
		t.Errorf("another key was decoded: %v", err)
	}
	for name, bad := range map[string][]byte{
		"empty":       nil,
		"two keys":    append(bytes.Clone(data), data...),
		"certificate": EncodeChain([][]byte{{1}}),
	} {
		if _, err := DecodeKey(bad); err == nil {
			t.Errorf("%s was decoded as a key", name)
		}
	}
	chain, err := DecodeChain(EncodeChain([][]byte{{1}, {2}}))
	if err != nil || fmt.Sprint(chain) != "[[1] [2]]" {
		t.Errorf("chain %v, %v", chain, err)
	}
	if _, err := DecodeChain(data); err == nil {
		t.Error("a key was decoded as a certificate")
	}
}
