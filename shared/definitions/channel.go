package definitions

import (
	"slices"
	"strings"
)

// Notifications are who is told what, and how.
type Notifications struct {
	Channels []Channel `yaml:"channels,omitempty"`
	Rules    []Rule    `yaml:"rules,omitempty"`
}

// Channel defines a way by which people are told. What is as good as a password
// stands elsewhere, addresses too.
type Channel struct {
	Name     string   `yaml:"name"`
	Type     string   `yaml:"type"`
	URL      *Secret  `yaml:"url,omitempty,flow"`    // webhook, ntfy, shoutrrr
	Secret   *Secret  `yaml:"secret,omitempty,flow"` // webhook
	Token    *Secret  `yaml:"token,omitempty,flow"`  // ntfy
	Host     string   `yaml:"host,omitempty"`        // mail, and what follows
	Port     int64    `yaml:"port,omitempty"`
	TLS      string   `yaml:"tls,omitempty"`
	Username string   `yaml:"username,omitempty"`
	Password *Secret  `yaml:"password,omitempty,flow"`
	From     string   `yaml:"from,omitempty"`
	To       []string `yaml:"to,omitempty,flow"`
}

const (
	webhook  = "webhook"
	mail     = "mail"
	ntfy     = "ntfy"
	shoutrrr = "shoutrrr"
	noTLS    = "none"
)

// ChannelTypes are what kinds of receivers there are.
func ChannelTypes() []string { return []string{webhook, mail, ntfy, shoutrrr} }

// TLSModes are how mail is protected on its way to the server.
func TLSModes() []string { return []string{"starttls", "tls", noTLS} }

// Secrets are the settings that stand elsewhere, by REST's names.
func (c Channel) Secrets() map[string]Secret {
	out := map[string]Secret{}
	for name, s := range map[string]*Secret{"url": c.URL, "secret": c.Secret, "token": c.Token, "password": c.Password} {
		if s != nil {
			out[name] = *s
		}
	}
	return out
}

func (c Channel) check(bad *problems, at place) {
	checkName(bad, at, c.Name)
	if !slices.Contains(ChannelTypes(), c.Type) {
		bad.add(at.of("type"), "it must be one of %s", strings.Join(ChannelTypes(), ", "))
		return
	}
	if c.hasForeign(bad, at) {
		return
	}
	if c.Type == mail {
		c.checkMail(bad, at)
	} else if c.URL == nil {
		bad.add(at, "a channel of the type %s needs a url: give url: {file: PATH} or {env: NAME}", c.Type)
	}
	what := map[string]string{"url": "URL", "secret": "secret", "token": "token", "password": "password"}
	for name, s := range c.Secrets() {
		s.checkOne(bad, at.of(name), what[name])
	}
}

// hasForeign finds settings that are none of the type's.
func (c Channel) hasForeign(bad *problems, at place) (some bool) {
	for _, setting := range []struct {
		name  string
		given bool
		of    []string
	}{
		{"url", c.URL != nil, []string{webhook, ntfy, shoutrrr}},
		{"secret", c.Secret != nil, []string{webhook}},
		{"token", c.Token != nil, []string{ntfy}},
		{"host", c.Host != "", []string{mail}},
		{"port", c.Port != 0, []string{mail}},
		{"tls", c.TLS != "", []string{mail}},
		{"username", c.Username != "", []string{mail}},
		{"password", c.Password != nil, []string{mail}},
		{"from", c.From != "", []string{mail}},
		{"to", len(c.To) > 0, []string{mail}},
	} {
		if setting.given && !slices.Contains(setting.of, c.Type) {
			some = true
			bad.add(at.of(setting.name), "a channel of the type %s has no such setting", c.Type)
		}
	}
	return some
}

func (c Channel) checkMail(bad *problems, at place) {
	for _, needed := range []struct {
		name    string
		missing bool
	}{{"host", c.Host == ""}, {"from", c.From == ""}, {"to", len(c.To) == 0}} {
		if needed.missing {
			bad.add(at, "%s is missing: mail needs the server's host, from whom it is, and to whom", needed.name)
		}
	}
	if c.TLS != "" && !slices.Contains(TLSModes(), c.TLS) {
		bad.add(at.of("tls"), "it must be one of %s", strings.Join(TLSModes(), ", "))
	}
	if c.Port < 0 || c.Port > 65535 {
		bad.add(at.of("port"), "it must be between 1 and 65535")
	}
	switch {
	case (c.Username == "") != (c.Password == nil):
		bad.add(at, "username and password belong together: give both, with password: {file: PATH} or {env: NAME}, or none")
	case c.Username != "" && c.TLS == noTLS:
		bad.add(at.of("tls"), "a password is not sent without TLS: use starttls or tls")
	}
}
