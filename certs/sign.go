package certs

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"time"
)

// SignAgent answers an agent's certificate request: chain is the new
// certificate and the issuing authority's, in DER. Every name that the request
// holds is ignored; agentID is the only one.
//
// The certificate begins Backdate before now. Whether it was issued before some
// moment (an agent's valid_from) is still decidable, by Identity.IssuedAt,
// which adds Backdate again; certificates count in whole seconds, so valid_from
// must be taken from the IssuedAt of the first certificate that is to be good.
func (a *Authority) SignAgent(csr []byte, agentID string, now time.Time) (chain [][]byte, cert *x509.Certificate, err error) {
	if err := CheckAgentID(agentID); err != nil {
		return nil, nil, err
	}
	key, err := requestKey(csr)
	if err != nil {
		return nil, nil, err
	}
	t := &x509.Certificate{
		Subject:     pkix.Name{CommonName: "borgfleet agent " + agentID},
		NotBefore:   now.Add(-Backdate),
		NotAfter:    now.Add(AgentLife),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	t.URIs = append(t.URIs, agentURI(a.fleetID, agentID))
	cert, err = a.sign(t, key, now)
	if err != nil {
		return nil, nil, fmt.Errorf("sign certificate of agent %s: %w", agentID, err)
	}
	return [][]byte{cert.Raw, a.issuing.Raw}, cert, nil
}

// controllerCertificate makes a key and a certificate for the controller's
// listener. The root is served with it: an agent that enrols knows nothing of
// it but its fingerprint.
func (a *Authority) controllerCertificate(now time.Time) (*tls.Certificate, error) {
	key, err := newKey(a.rand)
	if err != nil {
		return nil, err
	}
	t := &x509.Certificate{
		Subject:     pkix.Name{CommonName: "borgfleet controller"},
		NotBefore:   now.Add(-backdateOurs),
		NotAfter:    now.Add(ControllerLife),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	t.URIs = append(t.URIs, controllerURI(a.fleetID))
	cert, err := a.sign(t, key.Public(), now)
	if err != nil {
		return nil, fmt.Errorf("sign the controller's certificate: %w", err)
	}
	return &tls.Certificate{
		Certificate: [][]byte{cert.Raw, a.issuing.Raw, a.root.Raw},
		PrivateKey:  key,
		Leaf:        cert,
	}, nil
}

// sign has the issuing authority sign a certificate that is nobody's authority
// and does not outlive the issuing authority, with which it would end anyway.
func (a *Authority) sign(t *x509.Certificate, key crypto.PublicKey, now time.Time) (*x509.Certificate, error) {
	if !now.Before(a.issuing.NotAfter) {
		return nil, fmt.Errorf("the fleet's issuing authority ended on %s", a.issuing.NotAfter.Format(time.DateOnly))
	}
	if t.NotAfter.After(a.issuing.NotAfter) {
		t.NotAfter = a.issuing.NotAfter
	}
	t.BasicConstraintsValid = true
	return a.create(t, a.issuing, key, a.issuingKey)
}

func (a *Authority) signCA(name string, key crypto.Signer, parent *x509.Certificate, signer crypto.Signer, now time.Time, life time.Duration) (*x509.Certificate, error) {
	t := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "borgfleet " + name, Organization: []string{a.fleetID}},
		NotBefore:             now.Add(-backdateOurs),
		NotAfter:              now.Add(life),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	t.URIs = append(t.URIs, fleetURI(a.fleetID))
	if parent == nil {
		t.MaxPathLen = 1
		parent = t
	} else {
		t.MaxPathLenZero = true // it signs no further authority
	}
	return a.create(t, parent, key.Public(), signer)
}

func (a *Authority) create(t, parent *x509.Certificate, key crypto.PublicKey, signer crypto.Signer) (*x509.Certificate, error) {
	serial := make([]byte, 16)
	if _, err := io.ReadFull(a.rand, serial); err != nil {
		return nil, fmt.Errorf("make serial number: %w", err)
	}
	t.SerialNumber = new(big.Int).SetBytes(serial)
	if t.SerialNumber.Sign() == 0 {
		return nil, errors.New("make serial number: the source of randomness gives zeros")
	}
	der, err := x509.CreateCertificate(a.rand, t, parent, key, signer)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}
