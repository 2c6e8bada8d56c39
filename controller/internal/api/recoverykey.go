package api

import (
	"net/http"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/fleet"
	"borgfleet/shared/seal"
)

func (s *server) recoveryKey(w http.ResponseWriter, r *http.Request) error {
	v, err := s.Fleet.RecoveryKey(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, recoveryKeyBody(v))
}

func (s *server) replaceRecoveryKey(w http.ResponseWriter, r *http.Request) error {
	if err := needsLogin(caller(r)); err != nil {
		return err
	}
	body, err := s.readObject(w, r)
	if err != nil {
		return err
	}
	recipient := body.checked("recipient", true, saying(seal.CheckRecipient))
	body.noOthers()
	if err := body.err(); err != nil {
		return err
	}
	v, err := s.Fleet.ReplaceRecoveryKey(r.Context(), recipient, caller(r).User)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, recoveryKeyBody(v))
}

func recoveryKeyBody(v fleet.RecoveryKeyView) rest.RecoveryKey {
	return rest.RecoveryKey{
		Recipient: v.Recipient, Fingerprint: seal.Fingerprint(v.Recipient),
		Since: rest.At(v.Since), By: orNull(v.By), Former: orEmpty(v.Former),
	}
}
