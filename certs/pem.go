package certs

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

const (
	blockKey  = "PRIVATE KEY"
	blockCert = "CERTIFICATE"
)

// EncodeKey gives a private key in PEM (PKCS #8).
func EncodeKey(key crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode private key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: blockKey, Bytes: der}), nil
}

// DecodeKey reads what EncodeKey wrote, and nothing beside it.
func DecodeKey(data []byte) (crypto.Signer, error) {
	block, rest := pem.Decode(data)
	if block == nil || block.Type != blockKey || len(bytes.TrimSpace(rest)) != 0 {
		return nil, errors.New("decode private key: not one PEM block of a private key")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("decode private key: %w", err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("decode private key: it cannot sign")
	}
	return signer, nil
}

// EncodeChain gives certificates in PEM, in their order.
func EncodeChain(chain [][]byte) []byte {
	var out []byte
	for _, der := range chain {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: blockCert, Bytes: der})...)
	}
	return out
}

// DecodeChain reads what EncodeChain wrote. It does not parse the certificates.
func DecodeChain(data []byte) ([][]byte, error) {
	var chain [][]byte
	for len(bytes.TrimSpace(data)) != 0 {
		block, rest := pem.Decode(data)
		if block == nil || block.Type != blockCert {
			return nil, errors.New("decode certificates: something else is between them")
		}
		chain = append(chain, block.Bytes)
		data = rest
	}
	return chain, nil
}
