package testenv

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"borgfleet/certs"
	"borgfleet/shared/secretfile"
)

func (h *Host) credential() string { return filepath.Join(h.StateDir, "credential.pem") }

// Certificate is what the host proves itself with, as it is on its disk.
func (h *Host) Certificate() (certs.Identity, error) {
	c, err := certs.LoadCredential(h.credential())
	if err != nil {
		return certs.Identity{}, err
	}
	return c.Identity(), nil
}

// Recertify signs the host's certificate again with other dates, with the
// fleet's own authority: time that passes. No program can be told another time,
// and none should.
func (h *Host) Recertify(issued, until time.Time) error {
	c, err := certs.LoadCredential(h.credential())
	if err != nil {
		return err
	}
	data, err := secretfile.Read(h.credential())
	if err != nil {
		return err
	}
	_, rest := pem.Decode(data)
	key := data[:len(data)-len(rest)]
	chain, err := certs.DecodeChain(rest)
	if err != nil {
		return err
	}
	leaf, err := h.env.Controller.resign(c.Chain()[0], issued, until)
	if err != nil {
		return fmt.Errorf("certificate of %s: %w", h.Name, err)
	}
	chain[0] = leaf
	return os.WriteFile(h.credential(), append(bytes.Clone(key), certs.EncodeChain(chain)...), 0o600)
}

// resign is what the authority would have answered at another time.
func (c *Controller) resign(der []byte, issued, until time.Time) ([]byte, error) {
	t, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(filepath.Join(c.DataDir, "ca", "issuing.crt"))
	if err != nil {
		return nil, err
	}
	chain, err := certs.DecodeChain(data)
	if err != nil {
		return nil, err
	}
	issuer, err := x509.ParseCertificate(chain[0])
	if err != nil {
		return nil, err
	}
	if data, err = secretfile.Read(filepath.Join(c.DataDir, "ca", "issuing.key")); err != nil {
		return nil, err
	}
	key, err := certs.DecodeKey(data)
	if err != nil {
		return nil, err
	}
	t.NotBefore, t.NotAfter = issued.Add(-certs.Backdate), until
	t.SerialNumber = new(big.Int).Add(t.SerialNumber, big.NewInt(1))
	return x509.CreateCertificate(rand.Reader, t, issuer, t.PublicKey, key)
}
