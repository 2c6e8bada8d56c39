package api

import (
	"net/http"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/auth"
)

func (s *server) listTokens(w http.ResponseWriter, r *http.Request) error {
	list := rest.APITokenList{Tokens: []rest.APIToken{}}
	for _, t := range s.Auth.APITokens(caller(r)) {
		list.Tokens = append(list.Tokens, apiTokenBody(t))
	}
	return writeJSON(w, http.StatusOK, list)
}

func (s *server) createToken(w http.ResponseWriter, r *http.Request) error {
	body, err := s.readObject(w, r)
	if err != nil {
		return err
	}
	n := auth.NewAPIToken{
		Name: body.checked("name", true, checkTokenName),
		User: body.checked("user", false, checkUser),
		Role: Role(body.checked("role", false, checkRole)),
	}
	n.Life, _ = body.duration("expires_in", auth.APITokenMinLife, auth.APITokenMaxLife)
	body.noOthers()
	if err := body.err(); err != nil {
		return err
	}
	t, text, err := s.Auth.CreateAPIToken(r.Context(), caller(r), n)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, rest.NewAPIToken{APIToken: apiTokenBody(t), Token: text})
}

func (s *server) deleteToken(w http.ResponseWriter, r *http.Request) error {
	if err := s.Auth.DeleteAPIToken(r.Context(), caller(r), pathWord(r, "id")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func apiTokenBody(t auth.APIToken) rest.APIToken {
	return rest.APIToken{
		ID: t.ID, Name: t.Name, User: t.User, Role: string(t.Role),
		CreatedAt: rest.At(t.CreatedAt), ExpiresAt: rest.At(t.ExpiresAt), LastUsedAt: rest.At(t.LastUsedAt),
	}
}

func checkTokenName(s string) string { return checkPlain(s, mostName) }
