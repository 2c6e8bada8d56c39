package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"io"
)

// maxCSR is far more than a request for one key takes.
const maxCSR = 16 << 10

// NewKeyAndCSR makes an agent's private key and the request for its
// certificate, in DER. The request holds no name: the controller gives them.
func NewKeyAndCSR(rand io.Reader) (key crypto.Signer, csr []byte, err error) {
	if key, err = newKey(rand); err != nil {
		return nil, nil, err
	}
	csr, err = NewCSR(key, rand)
	return key, csr, err
}

// NewCSR makes a request for a key that exists. Enrolment is repeated with the
// same key after a lost answer, so that it gives the same agent.
func NewCSR(key crypto.Signer, rand io.Reader) ([]byte, error) {
	csr, err := x509.CreateCertificateRequest(rand, &x509.CertificateRequest{}, key)
	if err != nil {
		return nil, fmt.Errorf("make certificate request: %w", err)
	}
	return csr, nil
}

// RequestKeySHA256 checks a request and gives the SHA-256 of its public key,
// by which a repeated enrolment is recognised.
func RequestKeySHA256(csr []byte) ([]byte, error) {
	key, err := requestKey(csr)
	if err != nil {
		return nil, err
	}
	spki, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, fmt.Errorf("read certificate request: %w", err)
	}
	sum := sha256.Sum256(spki)
	return sum[:], nil
}

// requestKey gives the public key of a request whose sender holds the private
// one. Only keys that are quick and safe to verify with are taken.
func requestKey(csr []byte) (crypto.PublicKey, error) {
	if len(csr) > maxCSR {
		return nil, fmt.Errorf("certificate request of %d bytes: at most %d are read", len(csr), maxCSR)
	}
	r, err := x509.ParseCertificateRequest(csr)
	if err != nil {
		return nil, fmt.Errorf("read certificate request: %w", err)
	}
	switch key := r.PublicKey.(type) {
	case ed25519.PublicKey:
	case *ecdsa.PublicKey:
		if key.Curve != elliptic.P256() {
			return nil, fmt.Errorf("certificate request with a key on curve %s: only P-256 and Ed25519 are accepted", key.Curve.Params().Name)
		}
	default:
		return nil, fmt.Errorf("certificate request with a key of type %s: only P-256 and Ed25519 are accepted", r.PublicKeyAlgorithm)
	}
	if err := r.CheckSignature(); err != nil {
		return nil, fmt.Errorf("check the signature of the certificate request: %w", err)
	}
	return r.PublicKey, nil
}

func newKey(rand io.Reader) (crypto.Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand)
	if err != nil {
		return nil, fmt.Errorf("make private key: %w", err)
	}
	return key, nil
}

func samePublicKey(a, b crypto.PublicKey) bool {
	k, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.Equal(b)
}
