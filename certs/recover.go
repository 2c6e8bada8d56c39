package certs

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"time"
)

// RecoverFor is how long after its end a certificate is still good for getting
// a new one: as long as a host may be switched off.
const RecoverFor = 60 * 24 * time.Hour

// ErrTooLate says that a certificate ended more than RecoverFor ago.
var ErrTooLate = errors.New("it is too late to recover")

// What is signed to recover. The text keeps the signature from passing for one
// of something else; the exporter's label and the text change together.
const (
	recoverText   = "borgfleet certificate recovery 1\x00"
	exporterLabel = "EXPORTER-borgfleet-recover-1"
	exporterBytes = 32
	maxChain      = 4
)

// Exporter gives key material that only the two ends of one TLS connection can
// compute: tls.ConnectionState.ExportKeyingMaterial.
type Exporter func(label string, context []byte, length int) ([]byte, error)

// NewRecoverProof shows, on the connection of export, that whoever asks for a
// certificate with csr holds the old certificate's key. It is worth nothing on
// another connection and for another request, so nobody in between can use it.
func (c *Credential) NewRecoverProof(export Exporter, csr []byte) ([]byte, error) {
	message, err := recoverMessage(export, csr)
	if err != nil {
		return nil, err
	}
	var hash crypto.Hash = crypto.SHA256
	if _, whole := c.key.Public().(ed25519.PublicKey); whole {
		hash = 0 // it signs the message itself
	}
	proof, err := crypto.SignMessage(c.key, rand.Reader, message, hash)
	if err != nil {
		return nil, fmt.Errorf("sign recovery: %w", err)
	}
	return proof, nil
}

// CheckRecover says whose certificate chain is, and that the other end of the
// connection of export holds its key and asks with csr for a certificate for a
// new one. The chain is judged at its end; a certificate that is still good
// recovers as well, since the agent's clock may be ahead. Whether the agent is
// still welcome is not for this package to say.
func (a *Authority) CheckRecover(chain [][]byte, csr, proof []byte, export Exporter, now time.Time) (Identity, error) {
	id, err := a.checkRecover(chain, csr, proof, export)
	if err != nil {
		return Identity{}, fmt.Errorf("recover certificate: %w", err)
	}
	if err := id.begun(now); err != nil {
		return Identity{}, err
	}
	if now.After(id.NotAfter.Add(RecoverFor)) {
		return id, fmt.Errorf("%w: the certificate of agent %s ended at %s", ErrTooLate, id.AgentID, id.NotAfter.UTC().Format(time.RFC3339))
	}
	return id, nil
}

func (a *Authority) checkRecover(chain [][]byte, csr, proof []byte, export Exporter) (Identity, error) {
	leaf, err := a.verifyAtItsEnd(chain)
	if err != nil {
		return Identity{}, err
	}
	id, err := identityOf(leaf, a.fleetID)
	if err != nil {
		return Identity{}, err
	}
	key, err := requestKey(csr)
	if err != nil {
		return Identity{}, err
	}
	if samePublicKey(key, leaf.PublicKey) {
		return Identity{}, errors.New("the request is for the old key")
	}
	message, err := recoverMessage(export, csr)
	if err != nil {
		return Identity{}, err
	}
	algorithm := x509.ECDSAWithSHA256
	if _, whole := leaf.PublicKey.(ed25519.PublicKey); whole {
		algorithm = x509.PureEd25519
	}
	if err := leaf.CheckSignature(algorithm, message, proof); err != nil {
		return Identity{}, fmt.Errorf("check the proof: %w", err)
	}
	return id, nil
}

// verifyAtItsEnd checks that a chain is one that this authority issued to an
// agent. No date but the last second of its leaf can be asked for: it may be
// long over.
func (a *Authority) verifyAtItsEnd(chain [][]byte) (*x509.Certificate, error) {
	if len(chain) == 0 || len(chain) > maxChain {
		return nil, fmt.Errorf("a chain of %d certificates", len(chain))
	}
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(a.root)
	var certs []*x509.Certificate
	for _, der := range chain {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("read the old certificate: %w", err)
		}
		certs = append(certs, cert)
		between.AddCert(cert)
	}
	_, err := certs[0].Verify(x509.VerifyOptions{
		Roots:         roots,
		Intermediates: between,
		CurrentTime:   certs[0].NotAfter,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return nil, fmt.Errorf("verify the old certificate: %w", err)
	}
	return certs[0], nil
}

func recoverMessage(export Exporter, csr []byte) ([]byte, error) {
	bound, err := export(exporterLabel, nil, exporterBytes)
	if err != nil {
		return nil, fmt.Errorf("bind to the connection: %w", err)
	}
	request := sha256.Sum256(csr)
	return append(append([]byte(recoverText), bound...), request[:]...), nil
}
