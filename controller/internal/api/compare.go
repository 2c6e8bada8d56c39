package api

import (
	"net/http"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/fingerprint"
	"borgfleet/controller/internal/notify/deliver"
)

// channelSettings tells what of a channel is no secret, so that definitions can be
// held against it.
func (s *server) channelSettings(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id", "channel")
	if err != nil {
		return err
	}
	set, readable, err := s.Post.Settings(id)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, settingsBody(set, readable))
}

func settingsBody(set deliver.Settings, readable bool) rest.ChannelSettings {
	body := rest.ChannelSettings{
		Readable: readable, Host: orNull(set.Host), Port: orNull(int64(set.Port)), TLS: orNull(set.TLS), Username: orNull(set.Username),
		From: orNull(set.From), To: orEmpty(set.To), Secrets: []string{},
	}
	secrets := set.Secrets()
	for _, name := range sortedKeys(secrets) {
		if secrets[name] != "" {
			body.Secrets = append(body.Secrets, name)
		}
	}
	return body
}

func (s *server) compareChannel(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id", "channel")
	if err != nil {
		return err
	}
	body, err := s.readObject(w, r)
	if err != nil {
		return err
	}
	compare := readCompare(body, sortedKeys(deliver.Settings{}.Secrets()), false)
	if err := body.err(); err != nil {
		return err
	}
	set, _, err := s.Post.Settings(id)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, compare(set.Secrets()))
}

func (s *server) compareSchedule(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id", "schedule")
	if err != nil {
		return err
	}
	body, err := s.readObject(w, r)
	if err != nil {
		return err
	}
	compare := readCompare(body, []string{"ping_url"}, true)
	if err := body.err(); err != nil {
		return err
	}
	v, err := s.Fleet.Schedule(r.Context(), id)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, compare(map[string]string{"ping_url": v.Ping}))
}

// readCompare reads a key, and fingerprints of the fields under it. What is wrong
// is left in body.
func readCompare(body *object, fields []string, required bool) func(map[string]string) rest.Compared {
	text, given := body.mustText("key")
	key, err := fingerprint.ParseKey(text)
	if err != nil && given {
		body.bad.add(body.loc("key"), "%v", err)
	}
	prints := map[string]string{}
	for _, field := range fields {
		if v := body.checked(field, required, saying(fingerprint.Check)); v != "" {
			prints[field] = v
		}
	}
	body.noOthers()
	return func(here map[string]string) rest.Compared {
		out := rest.Compared{Different: []string{}}
		for _, field := range sortedKeys(prints) {
			if !key.Is(prints[field], field, here[field]) {
				out.Different = append(out.Different, field)
			}
		}
		return out
	}
}
