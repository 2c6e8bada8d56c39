package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"borgfleet/certs"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/proto/fleet/v1/fleetv1connect"
	"borgfleet/shared/seal"
	"borgfleet/shared/secretfile"
	"borgfleet/shared/version"
	"borgfleet/shared/wire"
)

// identify gives a host its certificate: the one that an earlier run has kept, or a
// new one for a join token. enrolled says which.
func (h *host) identify(ctx context.Context, token string) (enrolled bool, err error) {
	defer func() {
		if err == nil { // the same state as long as it is the same agent
			h.stateID = uuid.NewSHA1(uuid.NameSpaceOID, []byte(h.cred.Identity().AgentID)).String()
		}
	}()
	if h.f.o.identities == "" {
		return true, h.enrol(ctx, token)
	}
	file := filepath.Join(h.f.o.identities, h.name+".pem")
	h.cred, err = certs.LoadCredential(file)
	if !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	if err := h.enrol(ctx, token); err != nil {
		return false, err
	}
	return true, h.cred.Save(file)
}

// keepIdentities makes the directory for them.
func keepIdentities(dir string) error {
	if dir == "" {
		return nil
	}
	return secretfile.MakeDir(dir)
}

func (h *host) enrol(ctx context.Context, text string) error {
	token, err := certs.ParseJoinToken(text)
	if err != nil {
		return err
	}
	key, csr, err := certs.NewKeyAndCSR(rand.Reader)
	if err != nil {
		return err
	}
	sealing, err := seal.NewIdentity()
	if err != nil {
		return err
	}
	transport := h.f.transport(h.n, certs.EnrollTLS(token.Fingerprint, time.Now), nil)
	defer transport.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	client := fleetv1connect.NewFleetServiceClient(&http.Client{Transport: transport}, h.f.url, wire.Limits(maxMessage)...)
	a, err := client.Enroll(ctx, &fleetv1.EnrollRequest{
		Token: text, Csr: csr, Name: h.name, Hostname: h.name, AgeRecipient: sealing.Recipient(), Version: version.String(),
	})
	if err != nil {
		return fmt.Errorf("enrol %s: %w", h.name, err)
	}
	h.cred, err = certs.NewCredential(key, a.Chain, a.Root, token.Fingerprint, time.Now())
	return err
}
