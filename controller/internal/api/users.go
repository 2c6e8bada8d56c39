package api

import (
	"net/http"
	"net/url"
	"strings"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/auth"
	"borgfleet/controller/internal/fault"
)

func (s *server) listUsers(w http.ResponseWriter, _ *http.Request) error {
	list := rest.UserList{Users: []rest.User{}}
	for _, a := range s.Auth.Accounts() {
		list.Users = append(list.Users, userBody(a))
	}
	return writeJSON(w, http.StatusOK, list)
}

func (s *server) oneUser(w http.ResponseWriter, r *http.Request) error {
	a, err := s.Auth.Account(pathWord(r, "name"))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, userBody(a))
}

// needsLogin: a password or a role that a found API token gives outlives the
// token, as another token would; and so does a recovery key.
func needsLogin(who Principal) error {
	if who.APIToken == "" {
		return nil
	}
	return fault.New(fault.Forbidden, "needs_login", "an API token cannot make or change users, or replace the recovery key: log in, or use the command line on the controller's host")
}

func (s *server) createUser(w http.ResponseWriter, r *http.Request) error {
	if err := needsLogin(caller(r)); err != nil {
		return err
	}
	body, err := s.readObject(w, r)
	if err != nil {
		return err
	}
	n := auth.NewAccount{
		Name:     body.checked("name", true, checkUser),
		Password: body.checked("password", true, saying(auth.CheckPassword)),
		Role:     Role(body.checked("role", true, checkRole)),
	}
	body.noOthers()
	if err := body.err(); err != nil {
		return err
	}
	a, err := s.Auth.CreateAccount(r.Context(), n)
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/api/users/"+url.PathEscape(a.Name))
	return writeJSON(w, http.StatusCreated, userBody(a))
}

func (s *server) changeUser(w http.ResponseWriter, r *http.Request) error {
	if err := needsLogin(caller(r)); err != nil {
		return err
	}
	body, err := s.readObject(w, r)
	if err != nil {
		return err
	}
	c := auth.AccountChange{
		Password: body.checked("password", false, saying(auth.CheckPassword)),
		Role:     Role(body.checked("role", false, checkRole)),
	}
	body.noOthers()
	if c == (auth.AccountChange{}) && len(body.bad.fields) == 0 {
		body.bad.add("body", "there is nothing to change in it: give role or password")
	}
	if err := body.err(); err != nil {
		return err
	}
	a, err := s.Auth.ChangeAccount(r.Context(), pathWord(r, "name"), c)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, userBody(a))
}

func (s *server) deleteUser(w http.ResponseWriter, r *http.Request) error {
	if err := s.Auth.DeleteAccount(r.Context(), pathWord(r, "name")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func userBody(a auth.Account) rest.User {
	return rest.User{Name: a.Name, Role: string(a.Role), CreatedAt: rest.At(a.CreatedAt), APITokens: a.APITokens}
}

// checkUser takes names that look alike to nobody. Those of callers on the
// admin socket are kept free: an entry in a log must not leave it open who it
// was.
func checkUser(s string) string {
	if wrong := checkPlain(s, mostName); wrong != "" {
		return wrong
	}
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-@+"
	switch {
	case strings.Trim(s, allowed) != "" || s[0] == '.':
		return "it may only have the letters a to z and A to Z, digits, . _ - @ and +, and not begin with . or -"
	case strings.HasSuffix(strings.ToLower(s), "@localhost"):
		return "names that end in @localhost are those of accounts on the controller's host"
	}
	return ""
}

func checkRole(s string) string {
	if _, err := auth.ParseRole(s); err != nil {
		return err.Error()
	}
	return ""
}
