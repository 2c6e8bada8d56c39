package api_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"borgfleet/controller/internal/api"
	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/fingerprint"
	"borgfleet/controller/internal/fleet"
	"borgfleet/controller/internal/notify/deliver"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/schedule"
)

// asked is a question whether these are the secrets.
func asked(t *testing.T, secrets map[string]string) string {
	t.Helper()
	key, err := fingerprint.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	body := map[string]string{"key": key.String()}
	for field, value := range secrets {
		body[field] = key.Of(field, value)
	}
	data, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestCompare: who has the secrets finds out whether these are the ones, and nobody
// is told any.
func TestCompare(t *testing.T) {
	e := setup(t)
	e.told.settings = deliver.Settings{URL: "https://x/very-secret", Token: "tk-secret"}
	e.fleet.schedules.all = []fleet.ScheduleView{{Schedule: store.Schedule{Schedule: schedule.Schedule{ID: 7, Ping: "https://ping/secret"}}}}
	const channel, plan = "/api/notifications/channels/7/compare", "/api/schedule/7/compare"
	for _, c := range []struct {
		path    string
		secrets map[string]string
		want    []string
	}{
		{channel, map[string]string{"url": "https://x/very-secret", "token": "tk-secret"}, []string{}},
		{channel, map[string]string{"url": "https://x/very-secret", "token": "other"}, []string{"token"}},
		{channel, map[string]string{"url": "tk-secret", "token": "https://x/very-secret"}, []string{"token", "url"}},
		{channel, map[string]string{"password": "x"}, []string{"password"}},
		{channel, map[string]string{"password": ""}, []string{"password"}},
		{channel, nil, []string{}},
		{plan, map[string]string{"ping_url": "https://ping/secret"}, []string{}},
		{plan, map[string]string{"ping_url": "https://ping/other"}, []string{"ping_url"}},
	} {
		var got rest.Compared
		a := e.post(c.path, asked(t, c.secrets)).is(200)
		a.into(&got)
		if !slices.Equal(got.Different, c.want) || strings.Contains(string(a.body), "secret") {
			t.Errorf("%s %v: %s", c.path, c.secrets, a.body)
		}
	}
	good := strings.Repeat("a", 64)
	for body, want := range map[string][]string{
		`{}`: {"body.key"}, `{"key":""}`: {"body.key"}, `{"key":"` + good[2:] + `"}`: {"body.key"}, `{"key":1}`: {"body.key"},
		`{"key":"` + good + `","url":"https://x/very-secret"}`: {"body.url"},
		`{"key":"` + good + `","host":"` + good + `"}`:         {"body.host"},
	} {
		if a := e.post(channel, body).is(422); !slices.Equal(a.locations(), want) || strings.Contains(string(a.body), "very-secret") {
			t.Errorf("%s: %s", body, a.body)
		}
	}
	if got := e.post(plan, `{"key":"`+good+`"}`).is(422).locations(); !slices.Equal(got, []string{"body.ping_url"}) {
		t.Error(got)
	}
	e.post("/api/notifications/channels/8/compare", asked(t, nil)).is(404)
	e.post("/api/schedule/8/compare", asked(t, map[string]string{"ping_url": "x"})).is(404)
	if strings.Contains(e.log.String(), "secret") {
		t.Error(e.log.String())
	}
}

// TestComparingIsAudited: whoever asks often enough guesses. What is called reading
// leaves no entry.
func TestComparingIsAudited(t *testing.T) {
	for _, rt := range api.Routes() {
		if rt.Reads != (rt.Name == "validateCron") {
			t.Errorf("%s: is it called reading: %v", rt.Name, rt.Reads)
		}
	}
}

// TestChannelSettings: what can be read in them is told, and of a secret that there
// is one.
func TestChannelSettings(t *testing.T) {
	e := setup(t)
	e.told.settings = deliver.Settings{Host: "mail", Port: 25, TLS: "none", From: "a@b.c", To: []string{"d@e.f"}, Username: "u", Password: "very-secret"}
	var got rest.ChannelSettings
	a := e.get("/api/notifications/channels/7/settings").is(200)
	a.into(&got)
	if !got.Readable || *got.Host != "mail" || *got.Port != 25 || *got.TLS != "none" || *got.Username != "u" || *got.From != "a@b.c" || !slices.Equal(got.To, []string{"d@e.f"}) ||
		!slices.Equal(got.Secrets, []string{"password"}) || strings.Contains(string(a.body), "very-secret") {
		t.Errorf("%s", a.body)
	}
	e.told.settings, e.told.foreign = deliver.Settings{}, true
	e.get("/api/notifications/channels/7/settings").is(200).into(&got)
	if got.Readable || got.Host != nil || len(got.Secrets)+len(got.To) != 0 {
		t.Errorf("%+v", got)
	}
	e.get("/api/notifications/channels/8/settings").is(404)
}
