package deliver

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"borgfleet/controller/internal/fault"
)

// Types of channels.
const (
	Webhook  = "webhook"
	Mail     = "mail"
	Ntfy     = "ntfy"
	Shoutrrr = "shoutrrr"
)

// Types are all of them.
func Types() []string { return []string{Webhook, Mail, Ntfy, Shoutrrr} }

// How mail is protected on its way to the server.
const (
	StartTLS = "starttls"
	FullTLS  = "tls"
	NoTLS    = "none"
)

// TLSModes are all of them.
func TLSModes() []string { return []string{StartTLS, FullTLS, NoTLS} }

// Settings are how a channel reaches its receiver. They are sealed in the store and
// never told again: an address can be as good as a password.
type Settings struct {
	URL      string   `json:"url,omitempty"`    // Webhook, Ntfy, Shoutrrr
	Secret   string   `json:"secret,omitempty"` // Webhook: whsec_ and base64, signs what is sent
	Token    string   `json:"token,omitempty"`  // Ntfy: access token
	Host     string   `json:"host,omitempty"`   // Mail, and all that follows
	Port     int      `json:"port,omitempty"`
	TLS      string   `json:"tls,omitempty"`
	Username string   `json:"username,omitempty"`
	Password string   `json:"password,omitempty"`
	From     string   `json:"from,omitempty"`
	To       []string `json:"to,omitempty"`
}

// Bounds of settings.
const (
	MostText       = 4096
	MostRecipients = 20
)

// withDefaults fills in what need not be said.
func (s Settings) withDefaults(typ string) Settings {
	if typ != Mail {
		return s
	}
	if s.TLS == "" {
		s.TLS = StartTLS
	}
	if s.Port == 0 {
		s.Port = UsualPort(s.TLS)
	}
	return s
}

// UsualPort is a mail server's, by how mail to it is protected.
func UsualPort(tls string) int { return map[string]int{StartTLS: 587, FullTLS: 465, NoTLS: 25}[tls] }

// check says what is wrong with the settings of a channel.
func (s Settings) check(typ string) error {
	if field := s.foreign(typ); field != "" {
		return fault.InvalidField("body."+field, "a channel of the type %s has no such setting", typ)
	}
	switch typ {
	case Webhook:
		if _, err := signingKey(s.Secret); err != nil {
			return fault.InvalidField("body.secret", "%s", err)
		}
		return checkURL(s.URL)
	case Ntfy:
		if err := checkURL(s.URL); err != nil {
			return err
		}
		if _, topic := splitTopic(s.URL); topic == "" {
			return fault.InvalidField("body.url", "it has no topic: write https://ntfy.example.org/TOPIC")
		}
		return nil
	case Shoutrrr:
		return checkService(s.URL)
	case Mail:
		return s.checkMail()
	}
	return fault.InvalidField("body.type", "it must be one of %s", strings.Join(Types(), ", "))
}

// foreign names a setting that is none of the type's.
func (s Settings) foreign(typ string) string {
	set := []struct {
		name  string
		given bool
		of    []string
	}{
		{"url", s.URL != "", []string{Webhook, Ntfy, Shoutrrr}},
		{"secret", s.Secret != "", []string{Webhook}},
		{"token", s.Token != "", []string{Ntfy}},
		{"host", s.Host != "", []string{Mail}},
		{"port", s.Port != 0, []string{Mail}},
		{"tls", s.TLS != "", []string{Mail}},
		{"username", s.Username != "", []string{Mail}},
		{"password", s.Password != "", []string{Mail}},
		{"from", s.From != "", []string{Mail}},
		{"to", len(s.To) > 0, []string{Mail}},
	}
	for _, f := range set {
		if f.given && !slices.Contains(f.of, typ) {
			return f.name
		}
	}
	return ""
}

func checkURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return fault.InvalidField("body.url", "it must be https://HOST/PATH, or http:// where nobody can listen, without a user and a #")
	}
	return nil
}

func (s Settings) checkMail() error {
	switch {
	case s.Host == "" || strings.ContainsAny(s.Host, "/@ "):
		return fault.InvalidField("body.host", "it must be the name of a mail server")
	case s.Port < 1 || s.Port > 65535:
		return fault.InvalidField("body.port", "it must be between 1 and 65535")
	case !slices.Contains(TLSModes(), s.TLS):
		return fault.InvalidField("body.tls", "it must be one of %s", strings.Join(TLSModes(), ", "))
	case (s.Username == "") != (s.Password == ""):
		return fault.InvalidField("body.password", "username and password belong together: give both or none")
	case s.Username != "" && s.TLS == NoTLS:
		return fault.InvalidField("body.tls", "a password is not sent without TLS: use starttls or tls")
	case !isAddress(s.From):
		return fault.InvalidField("body.from", "it must be a mail address")
	case len(s.To) == 0 || len(s.To) > MostRecipients:
		return fault.InvalidField("body.to", "it must have 1 to %d mail addresses", MostRecipients)
	}
	for i, to := range s.To {
		if !isAddress(to) {
			return fault.InvalidField(fmt.Sprintf("body.to[%d]", i), "it must be a mail address")
		}
	}
	return nil
}

func isAddress(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address != ""
}

// target is what people see of where a channel leads to: never more of a URL than
// its host.
func (s Settings) target(typ string) string {
	if typ == Mail {
		return strings.Join(s.To, ", ") + " by " + net.JoinHostPort(s.Host, strconv.Itoa(s.Port))
	}
	u, err := url.Parse(s.URL)
	if err != nil {
		return typ
	}
	if typ == Shoutrrr { // what stands for the host is a token with some services
		return u.Scheme + "://…"
	}
	return u.Scheme + "://" + u.Host + "/…"
}

const secretPrefix = "whsec_"

// signingKey reads a webhook's secret.
func signingKey(text string) ([]byte, error) {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(text, secretPrefix))
	if err != nil || !strings.HasPrefix(text, secretPrefix) || len(raw) < 24 || len(raw) > 64 {
		return nil, fmt.Errorf("it must be whsec_ and 24 to 64 bytes in base64; leave it out and one is made")
	}
	return raw, nil
}
