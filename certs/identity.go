package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrNoCertificate says that a connection came without a client certificate.
// Only enrolment is answered on such a connection.
var ErrNoCertificate = errors.New("the connection has no client certificate")

// ErrExpired says that a certificate has ended. The agent can recover from it
// by itself, for RecoverFor.
var ErrExpired = errors.New("the certificate has expired")

// Identity is who an agent has proven to be.
type Identity struct {
	AgentID   string
	NotBefore time.Time
	NotAfter  time.Time
	Serial    string // hex
}

// IssuedAt is when the certificate was signed, in whole seconds. An agent is
// refused if this is before its valid_from.
func (id Identity) IssuedAt() time.Time { return id.NotBefore.Add(Backdate) }

// IdentityFromState gives the agent at the other end of a connection. It
// believes VerifiedChains alone; PeerCertificates are only what was claimed.
//
// It is to be asked on every call, with the time of the call: the handshake
// looked at the certificate's dates once, and a connection lives on after them.
func IdentityFromState(state tls.ConnectionState, fleetID string, now time.Time) (Identity, error) {
	if len(state.VerifiedChains) == 0 || len(state.VerifiedChains[0]) == 0 {
		return Identity{}, ErrNoCertificate
	}
	id, err := identityOf(state.VerifiedChains[0][0], fleetID)
	if err != nil {
		return Identity{}, err
	}
	if err := id.begun(now); err != nil {
		return Identity{}, err
	}
	if now.After(id.NotAfter) {
		return Identity{}, fmt.Errorf("%w: that of agent %s ended at %s", ErrExpired, id.AgentID, id.NotAfter.UTC().Format(time.RFC3339))
	}
	return id, nil
}

// identityOf reads the agent from a certificate that was verified.
func identityOf(leaf *x509.Certificate, fleetID string) (Identity, error) {
	u, err := onlyURI(leaf)
	if err != nil {
		return Identity{}, fmt.Errorf("identify agent: %w", err)
	}
	agentID, ok := strings.CutPrefix(u.Path, pathAgent)
	if !ok || u.Host != fleetID || CheckAgentID(agentID) != nil {
		return Identity{}, fmt.Errorf("identify agent: %q does not name an agent of this fleet", u)
	}
	return Identity{
		AgentID:   agentID,
		NotBefore: leaf.NotBefore,
		NotAfter:  leaf.NotAfter,
		Serial:    leaf.SerialNumber.Text(16),
	}, nil
}

// begun refuses a certificate from the future: one side's clock is wrong.
func (id Identity) begun(now time.Time) error {
	if now.Before(id.NotBefore) {
		return fmt.Errorf("the certificate of agent %s is not valid before %s: set the controller's clock", id.AgentID, id.NotBefore.UTC().Format(time.RFC3339))
	}
	return nil
}
