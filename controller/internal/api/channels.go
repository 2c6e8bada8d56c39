package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/notify/deliver"
)

func (s *server) listChannels(w http.ResponseWriter, _ *http.Request) error {
	list := rest.ChannelList{Channels: []rest.Channel{}}
	for _, c := range s.Post.Channels() {
		list.Channels = append(list.Channels, channelBody(c))
	}
	return writeJSON(w, http.StatusOK, list)
}

func (s *server) oneChannel(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id", "channel")
	if err != nil {
		return err
	}
	c, err := s.Post.Channel(id)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, channelBody(c))
}

func (s *server) createChannel(w http.ResponseWriter, r *http.Request) error {
	body, err := s.readObject(w, r)
	if err != nil {
		return err
	}
	n := deliver.NewChannel{Type: body.checked("type", true, checkChannelType), By: caller(r).User}
	body.must("name")
	n.Name, n.Settings = readChannel(body)("", deliver.Settings{})
	if err := body.err(); err != nil {
		return err
	}
	c, secret, err := s.Post.CreateChannel(r.Context(), n)
	if err != nil {
		return err
	}
	w.Header().Set("Location", fmt.Sprintf("/api/notifications/channels/%d", c.Channel.ID))
	return writeJSON(w, http.StatusCreated, rest.NewChannel{Channel: channelBody(c), Secret: orNull(secret)})
}

// changeChannel takes the fields that are given; the others stay.
func (s *server) changeChannel(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id", "channel")
	if err != nil {
		return err
	}
	body, err := s.optionalBody(w, r)
	if err != nil {
		return err
	}
	change := readChannel(body)
	if err := body.err(); err != nil {
		return err
	}
	c, err := s.Post.ChangeChannel(r.Context(), id, change)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, channelBody(c))
}

func (s *server) deleteChannel(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id", "channel")
	if err != nil {
		return err
	}
	if err := s.Post.DeleteChannel(r.Context(), id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *server) testChannel(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id", "channel")
	if err != nil {
		return err
	}
	if err := s.noBody(w, r); err != nil {
		return err
	}
	done, err := s.Post.Test(r.Context(), id, caller(r).User)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, rest.ChannelTested{Delivered: done.Delivered, Answer: done.Answer})
}

// readChannel reads what is given of a channel. Whether it fits its type is for the
// one who keeps it to say.
func readChannel(body *object) func(string, deliver.Settings) (string, deliver.Settings) {
	var changes []func(*deliver.Settings)
	text := func(name string, check func(string) string, set func(*deliver.Settings, string)) {
		if _, given := body.get(name); given {
			v := body.checked(name, false, check)
			changes = append(changes, func(s *deliver.Settings) { set(s, v) })
		}
	}
	text("url", checkSetting, func(s *deliver.Settings, v string) { s.URL = v })
	text("secret", checkSetting, func(s *deliver.Settings, v string) { s.Secret = v })
	text("token", checkSetting, func(s *deliver.Settings, v string) { s.Token = v })
	text("host", checkSetting, func(s *deliver.Settings, v string) { s.Host = v })
	text("tls", checkTLS, func(s *deliver.Settings, v string) { s.TLS = v })
	text("username", checkSetting, func(s *deliver.Settings, v string) { s.Username = v })
	text("password", checkSetting, func(s *deliver.Settings, v string) { s.Password = v })
	text("from", checkSetting, func(s *deliver.Settings, v string) { s.From = v })
	if port, given := body.number("port", 1, 65535); given {
		changes = append(changes, func(s *deliver.Settings) { s.Port = int(port) })
	}
	if _, given := body.get("to"); given {
		to := body.mustTexts("to", deliver.MostRecipients, checkSetting)
		changes = append(changes, func(s *deliver.Settings) { s.To = to })
	}
	name := ""
	if _, given := body.get("name"); given {
		name = body.checked("name", false, checkName)
	}
	body.noOthers()
	return func(old string, s deliver.Settings) (string, deliver.Settings) {
		for _, c := range changes {
			c(&s)
		}
		if name != "" {
			old = name
		}
		return old, s
	}
}

func checkChannelType(s string) string { return oneOf(s, deliver.Types()) }

func checkTLS(s string) string { return oneOf(s, deliver.TLSModes()) }

func oneOf(s string, allowed []string) string {
	if slices.Contains(allowed, s) {
		return ""
	}
	return "it must be one of " + strings.Join(allowed, ", ")
}

// checkSetting is for what is handed to a receiver; the type says more.
func checkSetting(s string) string {
	switch {
	case s == "":
		return "it is empty"
	case len(s) > deliver.MostText:
		return fmt.Sprintf("it has %d bytes; at most %d are taken", len(s), deliver.MostText)
	}
	return checkPrintable(s)
}

func channelBody(c deliver.Channel) rest.Channel {
	return rest.Channel{
		ID: c.ID, Name: c.Name, Type: c.Type, Target: c.Target, CreatedAt: rest.At(c.CreatedAt), CreatedBy: orNull(c.By),
		Delivery: rest.Delivery{
			Waiting: c.Waiting(), LeftOut: c.LeftOut, LastSuccess: rest.At(c.DeliveredAt), FailingSince: rest.At(c.FailingSince),
			LastError: orNull(c.Error), LastErrorAt: rest.At(c.FailedAt), NextTry: rest.At(c.NextTry),
		},
	}
}
