package api

import (
	"net/http"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/auth"
)

func (s *server) me(w http.ResponseWriter, r *http.Request) error {
	who := caller(r)
	return writeJSON(w, http.StatusOK, rest.Me{Username: who.User, Role: string(who.Role)})
}

func (s *server) logout(w http.ResponseWriter, r *http.Request) error {
	if err := s.Auth.Logout(r.Context(), caller(r)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *server) changePassword(w http.ResponseWriter, r *http.Request) error {
	body, err := s.readObject(w, r)
	if err != nil {
		return err
	}
	c := auth.PasswordChange{From: s.address(r)}
	c.Old, _ = body.mustText("old_password")
	c.New = body.checked("new_password", true, saying(auth.CheckPassword))
	if c.New != "" && c.New == c.Old {
		body.bad.add("body.new_password", "it is the old one")
	}
	body.noOthers()
	if err := body.err(); err != nil {
		return err
	}
	token, life, err := s.Auth.ChangePassword(r.Context(), caller(r), c)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, tokenBody(token, life))
}

// downloadToken is for links: a login in one would be good for everything, and
// for hours.
func (s *server) downloadToken(w http.ResponseWriter, r *http.Request) error {
	v, err := s.jobOfLog(r)
	if err != nil {
		return err
	}
	token, expires, err := s.Auth.DownloadToken(caller(r), v.ID)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, rest.DownloadToken{Token: token, ExpiresAt: rest.At(expires)})
}
