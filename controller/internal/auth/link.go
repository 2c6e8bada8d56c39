package auth

import (
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// LinkLife is how long a download token is good: it stands in a link, and links
// are kept in histories.
const LinkLife = 60 * time.Second

// linkWire is a download token's content. It says what its maker proved to be,
// so that it ends with that.
type linkWire struct {
	Job        int64  `json:"job"`
	Generation int64  `json:"gen"`
	Login      string `json:"login,omitempty"`
	APIToken   string `json:"api_token,omitempty"`
	Local      bool   `json:"local,omitempty"`
	jwt.RegisteredClaims
}

// IssueLink makes a token that reads the log of one job.
func (t *Tokens) IssueLink(l Link) (token string, expires time.Time, err error) {
	registered, err := t.registered(linkAudience, l.By.User, LinkLife)
	if err != nil {
		return "", time.Time{}, err
	}
	token, err = t.sign(linkWire{
		Job: l.Job, Generation: l.By.Login.Generation, Login: l.By.Login.ID, APIToken: l.By.APIToken, Local: l.By.Local,
		RegisteredClaims: registered,
	})
	return token, registered.ExpiresAt.Time, err
}

// VerifyLink gives what a download token says. Its error wraps ErrToken.
func (t *Tokens) VerifyLink(token string) (Link, error) {
	var w linkWire
	if err := t.parse(t.links, token, &w, &w.RegisteredClaims); err != nil {
		return Link{}, err
	}
	by := Principal{User: w.Subject, APIToken: w.APIToken, Local: w.Local}
	if w.Login != "" {
		by.Login = Claims{User: w.Subject, Generation: w.Generation, ID: w.Login}
	}
	return Link{Job: w.Job, By: by}, nil
}
