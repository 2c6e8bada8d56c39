// Package enrol makes a host an agent: it turns a join token into a credential
// and a state directory.
package enrol

import (
	"context"
	"crypto"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"time"

	"connectrpc.com/connect"

	"borgfleet/agent/internal/policy"
	"borgfleet/agent/internal/state"
	"borgfleet/certs"
	"borgfleet/shared/clock"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/proto/fleet/v1/fleetv1connect"
	"borgfleet/shared/seal"
	"borgfleet/shared/secretfile"
	"borgfleet/shared/version"
	"borgfleet/shared/wire"
)

const (
	callTime  = 30 * time.Second
	maxAnswer = 1 << 20
)

// Request is what a person asks for.
type Request struct {
	Token  string
	Name   string // empty: the token's, else the host's
	State  state.Dir
	Config policy.Config // what the controller may do on this host

	MachineID func() (string, error) // nil: the host's own
}

// Result tells what came of it.
type Result struct {
	Identity   state.Identity
	SealingKey string // fingerprint, for the owner to compare
	ValidUntil time.Time
	Root       string // fingerprint of the fleet's root

	RecoveryKey string       // that the controller names; empty: it has none
	Allow       policy.Allow // as it was written down
}

// Run enrols. It may be repeated after any failure: key and sealing identity
// are kept, and the controller knows the key again.
func Run(ctx context.Context, r Request) (Result, error) {
	if r.MachineID == nil {
		r.MachineID = state.HostMachineID
	}
	token, err := certs.ParseJoinToken(r.Token)
	if err != nil {
		return Result{}, err
	}
	if err := r.State.RefuseForeign(); err != nil {
		return Result{}, err
	}
	if err := r.State.Create(); err != nil {
		return Result{}, err
	}
	lock, err := r.State.Lock()
	if err != nil {
		return Result{}, err
	}
	defer lock.Close()
	if id, err := r.State.Identity(); err == nil {
		if err := r.State.CheckMachine(id, r.MachineID); err != nil {
			return Result{}, err
		}
		return Result{}, fmt.Errorf("this host is already enrolled, as %q (state directory %s); to enrol it a second time give another --state-dir", id.Name, r.State.Path())
	} else if !errors.Is(err, state.ErrNotEnrolled) {
		return Result{}, err
	}
	key, err := enrollingKey(r.State)
	if err != nil {
		return Result{}, err
	}
	sealing, err := sealingIdentity(r.State)
	if err != nil {
		return Result{}, err
	}
	answer, err := ask(ctx, token, r, key, sealing)
	if err != nil {
		return Result{}, err
	}
	return keep(r, token, key, sealing, answer)
}

// enrollingKey is kept before it is used: with the same key a repeat after a
// lost answer gives the same agent, and the token is not used up twice.
func enrollingKey(d state.Dir) (crypto.Signer, error) {
	pem, err := secretfile.Read(d.EnrollingKey())
	if err == nil {
		return certs.DecodeKey(pem)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	key, _, err := certs.NewKeyAndCSR(rand.Reader)
	if err != nil {
		return nil, err
	}
	if pem, err = certs.EncodeKey(key); err != nil {
		return nil, err
	}
	return key, secretfile.Write(d.EnrollingKey(), pem, 0o600)
}

func sealingIdentity(d state.Dir) (*seal.Identity, error) {
	id, err := seal.LoadIdentity(d.AgeKey())
	if !errors.Is(err, fs.ErrNotExist) {
		return id, err
	}
	if id, err = seal.NewIdentity(); err != nil {
		return nil, err
	}
	return id, id.Save(d.AgeKey())
}

func ask(ctx context.Context, token certs.JoinToken, r Request, key crypto.Signer, sealing *seal.Identity) (*fleetv1.EnrollResponse, error) {
	csr, err := certs.NewCSR(key, rand.Reader)
	if err != nil {
		return nil, err
	}
	hostname, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("ask for the host's name: %w", err)
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	transport := &http.Transport{
		TLSClientConfig: certs.EnrollTLS(token.Fingerprint, clock.Now),
		Protocols:       protocols, Proxy: http.ProxyFromEnvironment,
	}
	defer transport.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	client := fleetv1connect.NewFleetServiceClient(&http.Client{Transport: transport}, token.URL, wire.Limits(maxAnswer)...)
	answer, err := client.Enroll(ctx, &fleetv1.EnrollRequest{
		Token: r.Token, Csr: csr, Name: r.Name, Hostname: hostname,
		AgeRecipient: sealing.Recipient(), Version: version.String(),
	})
	if err != nil {
		return nil, explain(token.URL, err)
	}
	return answer, nil
}

// explain keeps the controller's own words, and says of the rest where it
// happened.
func explain(url string, err error) error {
	e, ok := errors.AsType[*connect.Error](err)
	if ok && connect.IsWireError(e) {
		return errors.New(e.Message())
	}
	if ok {
		err = e.Unwrap()
	}
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return fmt.Errorf("the controller at %s, as the join token has it, cannot be reached: %w; is it running, and does this address lead to its --agent-listen from here? If not, start it with another --agent-url and make a new token", url, err)
	}
	return fmt.Errorf("the controller at %s cannot be reached or trusted: %w", url, err)
}

func keep(r Request, token certs.JoinToken, key crypto.Signer, sealing *seal.Identity, a *fleetv1.EnrollResponse) (Result, error) {
	cred, err := certs.NewCredential(key, a.Chain, a.Root, token.Fingerprint, clock.Now())
	if err != nil {
		return Result{}, fmt.Errorf("the controller's answer is not to be trusted: %w", err)
	}
	if err := cred.Save(r.State.Credential()); err != nil {
		return Result{}, err
	}
	machine, err := state.MachineIDOrNew(r.MachineID)
	if err != nil {
		return Result{}, err
	}
	r.Config.ControllerURL = token.URL
	r.Config.Allow.RecoveryKey = recoveryKey(r.Config.Allow.RecoveryKey, a.RecoveryRecipient)
	if err := r.Config.Save(r.State.Config()); err != nil {
		return Result{}, err
	}
	id := state.Identity{
		AgentID: cred.Identity().AgentID, Name: a.Name, FleetID: cred.FleetID(),
		StateID: state.NewStateID(), MachineID: machine, ControllerURL: token.URL,
	}
	if err := r.State.SaveIdentity(id); err != nil {
		return Result{}, err
	}
	// The key lives on in the credential; a copy that stays is only litter.
	if err := os.Remove(r.State.EnrollingKey()); err != nil {
		return Result{}, fmt.Errorf("remove enrolment key: %w", err)
	}
	return Result{Identity: id, SealingKey: sealing.Fingerprint(), ValidUntil: cred.Identity().NotAfter, Root: cred.RootFingerprint(),
		RecoveryKey: a.RecoveryRecipient, Allow: r.Config.Allow}, nil
}

// recoveryKey is the one that this host seals to from now on: the owner's choice,
// else the fleet's as it is now. The controller cannot change it afterwards: who
// takes the controller over must not have the host seal to a key of theirs.
func recoveryKey(own, fleets string) string {
	if own != "" || seal.CheckRecipient(fleets) != nil {
		return own
	}
	return fleets
}
