package api

import (
	"bytes"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/audit"
	"borgfleet/controller/internal/fault"
)

// mostCredential is the longest user name or password.
const mostCredential = 1024

// What a login is sent in.
const (
	mostLogin = 16 << 10 // JSON may write each byte of a credential with six
	loginTime = 10 * time.Second
)

func (s *server) login(w http.ResponseWriter, r *http.Request) error {
	// Strangers send this: it is little, and comes soon. A transport without
	// deadlines has none to set.
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(loginTime))
	data, err := s.readUpTo(w, r, min(mostLogin, s.MaxBody))
	if err != nil {
		return err
	}
	_ = control.SetReadDeadline(time.Time{}) // or it would end the wait for a turn
	in, err := credentials(r.Header.Get("Content-Type"), data)
	if err != nil {
		return err
	}
	call := audit.Of(r.Context())
	call.Presented()
	if _, err := s.Auth.Account(in.Username); err == nil {
		// Any other name is not written down: it may be a password that was
		// typed in the wrong place.
		call.Claims(in.Username, viaPassword)
	}
	token, life, err := s.Auth.Login(r.Context(), in.Username, in.Password, s.address(r))
	if err != nil {
		return err
	}
	noteCaller(w, Principal{User: in.Username})
	call.Is(in.Username, viaPassword)
	return writeJSON(w, http.StatusOK, tokenBody(token, life))
}

func tokenBody(token string, life time.Duration) rest.Token {
	return rest.Token{AccessToken: token, TokenType: "bearer", ExpiresIn: int64(life.Seconds())}
}

// credentials reads a form or JSON. JSON is known by its brace, since curl
// calls everything a form.
func credentials(contentType string, data []byte) (rest.Login, error) {
	mediaType, _, _ := mime.ParseMediaType(contentType)
	isForm := mediaType == "application/x-www-form-urlencoded"
	if isForm && !bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		return formCredentials(data)
	}
	body, err := parseObject(data)
	if err != nil {
		return rest.Login{}, err
	}
	var in rest.Login
	in.Username, _ = body.mustText("username")
	in.Password, _ = body.mustText("password")
	body.noOthers()
	checkCredentials(in, body.bad)
	return in, body.err()
}

func formCredentials(data []byte) (rest.Login, error) {
	form, err := url.ParseQuery(string(data))
	if err != nil {
		return rest.Login{}, fault.New(fault.Malformed, "malformed_form", "the body is not a well-formed form")
	}
	var bad problems
	for _, name := range sortedKeys(form) {
		if !slices.Contains(formFields(), name) {
			bad.add("body."+shorten(strings.ToValidUTF8(name, "\uFFFD")), "there is no such field; known are username, password")
		} else if len(form[name]) > 1 {
			bad.add("body."+name, "it is given %d times", len(form[name]))
		}
	}
	for _, name := range []string{"username", "password"} {
		if !form.Has(name) {
			bad.add("body."+name, "it is required")
		}
	}
	in := rest.Login{Username: form.Get("username"), Password: form.Get("password")}
	checkCredentials(in, &bad)
	return in, bad.err()
}

// formFields are ours and those that OAuth2 clients send with a password.
func formFields() []string {
	return []string{"username", "password", "grant_type", "scope", "client_id", "client_secret"}
}

func checkCredentials(in rest.Login, bad *problems) {
	if len(in.Username) > mostCredential {
		bad.add("body.username", "it has more than %d bytes", mostCredential)
	}
	if len(in.Password) > mostCredential {
		bad.add("body.password", "it has more than %d bytes", mostCredential)
	}
}
