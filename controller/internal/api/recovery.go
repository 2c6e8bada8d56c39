package api

import (
	"net/http"

	"borgfleet/controller/internal/api/rest"
)

// recovery gives what is sealed. Only the recovery key opens it, but who has one
// that was stolen must not find here what it opens: it is for administrators.
func (s *server) recovery(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id", "repository")
	if err != nil {
		return err
	}
	v, err := s.Fleet.Recovery(r.Context(), id)
	if err != nil {
		return err
	}
	body := rest.Recovery{
		RepositoryID: v.ID, Name: v.Name, Path: v.Path, AgentID: v.AgentID, Agent: v.AgentName,
		Encryption: orNull(v.Encryption), BorgID: orNull(v.BorgID), PassphraseSealed: v.PassphraseSealed, Copies: []rest.RecoveryCopy{},
	}
	for _, c := range v.Copies {
		body.Copies = append(body.Copies, rest.RecoveryCopy{
			Recipient: c.Recipient, SealedAt: rest.At(c.SealedAt), Key: c.Key, Passphrase: c.Passphrase, Sealed: c.Sealed,
		})
	}
	return writeJSON(w, http.StatusOK, body)
}
