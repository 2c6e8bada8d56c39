package certs

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrNoCertificate says that a connection came without a client certificate.
// Only enrolment is answered on such a connection.
var ErrNoCertificate = errors.New("the connection has no client certificate")

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
	leaf := state.VerifiedChains[0][0]
	u, err := onlyURI(leaf)
	if err != nil {
		return Identity{}, fmt.Errorf("identify agent: %w", err)
	}
	agentID, ok := strings.CutPrefix(u.Path, pathAgent)
	if !ok || u.Host != fleetID || CheckAgentID(agentID) != nil {
		return Identity{}, fmt.Errorf("identify agent: %q does not name an agent of this fleet", u)
	}
	if now.Before(leaf.NotBefore) {
		return Identity{}, fmt.Errorf("the certificate of agent %s is not valid before %s: set the controller's clock", agentID, leaf.NotBefore.UTC().Format(time.RFC3339))
	}
	if now.After(leaf.NotAfter) {
		return Identity{}, fmt.Errorf("the certificate of agent %s ended at %s", agentID, leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	return Identity{
		AgentID:   agentID,
		NotBefore: leaf.NotBefore,
		NotAfter:  leaf.NotAfter,
		Serial:    leaf.SerialNumber.Text(16),
	}, nil
}
