package certs

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"borgfleet/shared/secretfile"
)

// Credential is what an agent proves itself with and what it checks the
// controller against. It is one file, because a renewal that replaced the key
// and not the certificate would shut the agent out.
type Credential struct {
	identity Identity
	fleetID  string
	key      crypto.Signer
	chain    [][]byte // leaf first, without the root
	leaf     *x509.Certificate
	root     *x509.Certificate
}

// NewCredential takes the controller's answer to a request made with key, and
// checks all of it before it is kept: that the root is the one that was
// promised (by the join token; at a renewal, the agent's own), that the chain
// leads to it, and that the certificate is an agent's and for this key.
func NewCredential(key crypto.Signer, chain [][]byte, root []byte, fingerprint string, now time.Time) (*Credential, error) {
	if Fingerprint(root) != fingerprint {
		return nil, errors.New("check the agent's new certificate: the controller answered with another certificate authority than it was pinned to")
	}
	c, err := newCredential(key, chain, root)
	if err != nil {
		return nil, fmt.Errorf("check the agent's new certificate: %w", err)
	}
	if now.After(c.leaf.NotAfter) || now.Before(c.leaf.NotBefore) {
		return nil, fmt.Errorf("check the agent's new certificate: it is valid from %s to %s, and here it is %s: check this host's clock and the controller's",
			c.leaf.NotBefore.UTC().Format(time.RFC3339), c.leaf.NotAfter.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	return c, nil
}

// newCredential checks everything but the present date: a credential that has
// expired must still be readable, to be renewed.
func newCredential(key crypto.Signer, chain [][]byte, root []byte) (*Credential, error) {
	if len(chain) == 0 {
		return nil, errors.New("there is no certificate")
	}
	c := &Credential{key: key, chain: chain}
	var err error
	if c.root, err = x509.ParseCertificate(root); err != nil {
		return nil, err
	}
	if c.fleetID, err = fleetOf(c.root); err != nil {
		return nil, err
	}
	if c.leaf, err = x509.ParseCertificate(chain[0]); err != nil {
		return nil, err
	}
	if !samePublicKey(key.Public(), c.leaf.PublicKey) {
		return nil, errors.New("the certificate is for another key")
	}
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(c.root)
	for _, der := range chain[1:] {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		between.AddCert(cert)
	}
	verified, err := c.leaf.Verify(x509.VerifyOptions{
		Roots:         roots,
		Intermediates: between,
		CurrentTime:   c.leaf.NotAfter,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return nil, err
	}
	c.identity, err = IdentityFromState(tls.ConnectionState{VerifiedChains: verified}, c.fleetID, c.leaf.NotAfter)
	return c, err
}

// Succeed takes the controller's answer to a renewal or recovery: everything
// that NewCredential checks, and that it is this agent's and not older. One that
// is older would be refused, with the better one given up for it.
func (c *Credential) Succeed(key crypto.Signer, chain [][]byte, root []byte, now time.Time) (*Credential, error) {
	next, err := NewCredential(key, chain, root, c.RootFingerprint(), now)
	if err != nil {
		return nil, err
	}
	if next.identity.AgentID != c.identity.AgentID {
		return nil, fmt.Errorf("check the agent's new certificate: it is that of agent %s, not of %s", next.identity.AgentID, c.identity.AgentID)
	}
	if next.identity.IssuedAt().Before(c.identity.IssuedAt()) {
		return nil, fmt.Errorf("check the agent's new certificate: it was issued at %s, before the one that it is to follow: set the controller's clock",
			next.identity.IssuedAt().UTC().Format(time.RFC3339))
	}
	return next, nil
}

// LoadCredential reads what Save wrote.
func LoadCredential(file string) (*Credential, error) {
	data, err := secretfile.Read(file)
	if err != nil {
		return nil, fmt.Errorf("read the agent's certificate: %w", err)
	}
	block, rest := pem.Decode(data)
	if block == nil {
		return nil, fmt.Errorf("read the agent's certificate: %s is damaged: enroll this host again", file)
	}
	key, err := DecodeKey(pem.EncodeToMemory(block))
	if err != nil {
		return nil, fmt.Errorf("read the agent's certificate: %s: %w: enroll this host again", file, err)
	}
	certs, err := DecodeChain(rest)
	if err == nil && len(certs) < 2 {
		err = errors.New("certificates are missing")
	}
	if err != nil {
		return nil, fmt.Errorf("read the agent's certificate: %s: %w: enroll this host again", file, err)
	}
	last := len(certs) - 1
	c, err := newCredential(key, certs[:last], certs[last])
	if err != nil {
		return nil, fmt.Errorf("read the agent's certificate: %s: %w: enroll this host again", file, err)
	}
	return c, nil
}

// Save writes the credential to file, mode 0600: key, certificate, issuing
// authority, root.
func (c *Credential) Save(file string) error {
	data, err := EncodeKey(c.key)
	if err != nil {
		return err
	}
	data = append(data, EncodeChain(c.chain)...)
	data = append(data, EncodeChain([][]byte{c.root.Raw})...)
	return secretfile.Write(file, data, 0o600)
}

// Identity is the agent that the certificate names, and its dates.
func (c *Credential) Identity() Identity { return c.identity }

// Chain is the certificate and the authority that issued it, in DER.
func (c *Credential) Chain() [][]byte { return c.chain }

// FleetID is the fleet that the agent belongs to.
func (c *Credential) FleetID() string { return c.fleetID }

// RootFingerprint is the fingerprint of the root that the agent trusts.
func (c *Credential) RootFingerprint() string { return Fingerprint(c.root.Raw) }

func (c *Credential) tlsCertificate() *tls.Certificate {
	return &tls.Certificate{Certificate: c.chain, PrivateKey: c.key, Leaf: c.leaf}
}
