package deliver

import (
	"bytes"
	"net"
	"strings"
	"testing"

	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
)

func listen(address string) (net.Listener, error) { return net.Listen("tcp", address) }

// TestSecretsStayInside: neither what is stored, nor what is answered, logged or told
// as an error has them.
func TestSecretsStayInside(t *testing.T) {
	o := newOffice(t)
	dead := newReceiver(t)
	dead.Close()
	secrets := []string{"T0PSECRETPATH", "t0ps3crettoken", "t0ps3cretquery"}
	c := o.channel(Ntfy, Settings{URL: dead.URL + "/T0PSECRETPATH", Token: "t0ps3crettoken"})
	hook := o.channel(Webhook, Settings{URL: dead.URL + "/T0PSECRETPATH?key=t0ps3cretquery"})
	any := o.channel(Shoutrrr, Settings{URL: "generic+" + dead.URL + "/T0PSECRETPATH?token=t0ps3cretquery"})
	o.tells(1, 1)
	o.runs()
	for _, id := range []int64{c.ID, hook.ID, any.ID} {
		await(t, "a failure", func() bool { return o.st.Outbox(id).Error != "" })
		tested, err := o.post.Test(t.Context(), id, "ann")
		must(t, err)
		v, err := o.post.Channel(id)
		must(t, err)
		if tested.Delivered {
			t.Errorf("%+v", tested)
		}
		for _, secret := range secrets {
			if strings.Contains(tested.Answer+v.Error+v.Target+o.log.String(), secret) {
				t.Errorf("%s: %q, %q, %q", secret, tested.Answer, v.Error, v.Target)
			}
		}
	}
	for e, err := range o.st.Entries() {
		must(t, err)
		for _, secret := range secrets {
			if bytes.Contains(e.Value, []byte(secret)) {
				t.Errorf("%s is in the store under %q", secret, e.Key)
			}
		}
	}
}

// TestForeignKey: a restored store has channels that cannot be opened; they say so, keep
// what waits, and work again when they are given anew.
func TestForeignKey(t *testing.T) {
	o := newOffice(t)
	r := newReceiver(t)
	c := o.channel(Webhook, Settings{URL: r.URL})
	o.tells(1, 1)
	o.opt.Key = Key{2}
	o.reopened()
	o.runs()
	await(t, "a failure", func() bool { return strings.Contains(o.st.Outbox(c.ID).Error, "notify.key") })
	if s, readable, err := o.post.Settings(c.ID); err != nil || readable || s.URL != "" {
		t.Errorf("%+v, %v, %v", s, readable, err)
	}
	_, err := o.post.ChangeChannel(t.Context(), c.ID, func(name string, s Settings) (string, Settings) {
		if s.URL != "" {
			t.Errorf("opened with another key: %+v", s)
		}
		return name, Settings{URL: r.URL, Secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
	})
	must(t, err)
	if s, readable, err := o.post.Settings(c.ID); err != nil || !readable || s.URL != r.URL {
		t.Errorf("%+v, %v, %v", s, readable, err)
	}
	o.delivered(c.ID)
	inOrder(t, r.events(t), 1)
}

// TestSealedForOneChannel: settings that are put under another channel open nothing.
func TestSealedForOneChannel(t *testing.T) {
	k := Key{1}
	sealed, err := k.seal(strings.NewReader(strings.Repeat("r", 12)), 1, Ntfy, Settings{URL: "u"})
	must(t, err)
	if s, err := k.open(1, Ntfy, sealed); err != nil || s.URL != "u" {
		t.Errorf("%+v, %v", s, err)
	}
	for _, c := range []struct {
		id  int64
		typ string
	}{{2, Ntfy}, {1, Webhook}} {
		if _, err := k.open(c.id, c.typ, sealed); err == nil {
			t.Errorf("opened as %+v", c)
		}
	}
}

func TestBadSettings(t *testing.T) {
	mail := Settings{Host: "mail.example.org", From: "a@example.org", To: []string{"b@example.org"}}
	with := func(change func(*Settings)) Settings {
		s := mail
		change(&s)
		return s
	}
	for name, c := range map[string]struct {
		typ   string
		s     Settings
		field string
	}{
		"no url":             {Webhook, Settings{}, "body.url"},
		"file":               {Webhook, Settings{URL: "file:///etc/passwd"}, "body.url"},
		"user":               {Webhook, Settings{URL: "https://a:b@x/"}, "body.url"},
		"short secret":       {Webhook, Settings{URL: "https://x/", Secret: "whsec_YQ=="}, "body.secret"},
		"foreign setting":    {Webhook, Settings{URL: "https://x/", Token: "t"}, "body.token"},
		"no topic":           {Ntfy, Settings{URL: "https://ntfy.sh"}, "body.url"},
		"unknown type":       {"pigeon", Settings{}, "body.type"},
		"unknown service":    {Shoutrrr, Settings{URL: "pigeon://x"}, "body.url"},
		"logger":             {Shoutrrr, Settings{URL: "logger://"}, "body.url"},
		"mail by shoutrrr":   {Shoutrrr, Settings{URL: "smtp://a:b@c/?from=a@b.c&to=d@e.f"}, "body.url"},
		"no host":            {Mail, with(func(s *Settings) { s.Host = "" }), "body.host"},
		"no one to tell":     {Mail, with(func(s *Settings) { s.To = nil }), "body.to"},
		"bad recipient":      {Mail, with(func(s *Settings) { s.To = []string{"x@y.z", "x\r\nBcc: all"} }), "body.to[1]"},
		"bad sender":         {Mail, with(func(s *Settings) { s.From = "me" }), "body.from"},
		"password in clear":  {Mail, with(func(s *Settings) { s.TLS, s.Username, s.Password = NoTLS, "a", "b" }), "body.tls"},
		"user alone":         {Mail, with(func(s *Settings) { s.Username = "a" }), "body.password"},
		"unknown protection": {Mail, with(func(s *Settings) { s.TLS = "maybe" }), "body.tls"},
	} {
		s := c.s
		if c.typ == Webhook && s.Secret == "" {
			s.Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
		}
		if c.typ == Mail && s.TLS == "maybe" {
			s.Port = 1
		}
		err := s.withDefaults(c.typ).check(c.typ)
		if err == nil || len(fault.Of(err).Fields) != 1 || fault.Of(err).Fields[0].Location != c.field {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := mail.withDefaults(Mail).check(Mail); err != nil {
		t.Error(err)
	}
}

func TestRulesAndChannelsGoTogether(t *testing.T) {
	o := newOffice(t)
	c := o.channel(Webhook, Settings{URL: "https://x.example.org/"})
	is := func(what string, err error, code string) {
		t.Helper()
		if err == nil || fault.Of(err).Code != code {
			t.Errorf("%s: %v, want %s", what, err, code)
		}
	}
	is("a channel that a rule names", o.post.DeleteChannel(t.Context(), c.ID), "channel_in_use")
	_, err := o.post.CreateRule(t.Context(), store.Rule{Name: "y", Channels: []int64{99}})
	is("no such channel", err, "invalid_request")
	_, err = o.post.CreateRule(t.Context(), store.Rule{Name: "y", Agents: []string{"nobody"}})
	is("no such agent", err, "invalid_request")
	_, err = o.post.CreateRule(t.Context(), store.Rule{Name: "y", Events: []string{"recovered", "warning", "success"}})
	is("recovered beside what has no end", err, "invalid_request")
	_, err = o.post.ChangeRule(t.Context(), o.post.Rules()[0].ID, func(r store.Rule) store.Rule {
		r.Events = []string{"success", "recovered"}
		return r
	})
	is("the same, changed", err, "invalid_request")
	_, err = o.post.CreateRule(t.Context(), store.Rule{Name: c.Name})
	is("the same name", err, "name_taken")
	_, _, err = o.post.CreateChannel(t.Context(), NewChannel{Name: c.Name, Type: Webhook, Settings: Settings{URL: "https://x/"}})
	is("the same name", err, "name_taken")
	rule := o.post.Rules()[0]
	must(t, o.post.DeleteRule(t.Context(), rule.ID))
	is("gone", o.post.DeleteRule(t.Context(), rule.ID), "rule_not_found")
	must(t, o.post.DeleteChannel(t.Context(), c.ID))
	is("gone", o.post.DeleteChannel(t.Context(), c.ID), "channel_not_found")
	_, err = o.post.Test(t.Context(), c.ID, "ann")
	is("gone", err, "channel_not_found")
}
