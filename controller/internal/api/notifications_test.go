package api_test

import (
	"slices"
	"strings"
	"testing"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/notify/deliver"
	"borgfleet/controller/internal/store"
)

func TestChannels(t *testing.T) {
	e := setup(t)
	var made rest.NewChannel
	a := e.post("/api/notifications/channels", `{"name":"ops","type":"mail","host":"mail.example.org","port":587,"tls":"starttls","username":"u","password":"p","from":"a@b.c","to":["d@e.f"]}`).is(201)
	a.into(&made)
	if made.Secret == nil || a.header.Get("Location") != "/api/notifications/channels/7" {
		t.Errorf("%+v", made)
	}
	want := deliver.Settings{Host: "mail.example.org", Port: 587, TLS: "starttls", Username: "u", Password: "p", From: "a@b.c", To: []string{"d@e.f"}}
	if got := e.told.settings; got.Host != want.Host || got.Port != want.Port || got.Password != want.Password || !slices.Equal(got.To, want.To) || got.TLS != want.TLS || got.From != want.From {
		t.Errorf("%+v", got)
	}
	var c rest.Channel
	e.do("PUT", "/api/notifications/channels/7", `{"password":"other"}`).is(200).into(&c)
	if got := e.told.settings; got.Password != "other" || got.Host != want.Host || c.Name != "ops" {
		t.Errorf("%+v, %+v", got, c)
	}
	e.told.tested = deliver.Tested{Answer: "503 Service Unavailable"}
	var tested rest.ChannelTested
	e.post("/api/notifications/channels/7/test", "").is(200).into(&tested)
	if tested.Delivered || tested.Answer != "503 Service Unavailable" {
		t.Errorf("%+v", tested)
	}
	e.get("/api/notifications/channels").is(200)
	e.get("/api/notifications/channels/8").is(404)
	e.do("DELETE", "/api/notifications/channels/7", "").is(204)
}

func TestRules(t *testing.T) {
	e := setup(t)
	var r rest.Rule
	e.post("/api/notifications/rules", `{"name":"web","events":["failure","recovered"],"kinds":["backup"],"agents":["web-1"],"labels":["role=web"],"repositories":[7],"channels":[7]}`).is(201).into(&r)
	if !r.Enabled || !slices.Equal(r.Events, []string{"failure", "recovered"}) || !slices.Equal(r.Repositories, []int64{7}) || !slices.Equal(r.Labels, []string{"role=web"}) {
		t.Errorf("%+v", r)
	}
	e.do("PUT", "/api/notifications/rules/7", `{"enabled":false,"labels":[]}`).is(200).into(&r)
	if r.Enabled || len(r.Labels) != 0 || r.Name != "web" || len(r.Agents) != 1 {
		t.Errorf("%+v", r)
	}
	e.get("/api/notifications/rules").is(200)
	e.do("DELETE", "/api/notifications/rules/9", "").is(404)
	e.told.lasts = []store.Condition{{What: "stale", Subject: "7", Since: testNow(), Message: "m", Agent: "a", Repository: 7}, {What: "agent_offline", Since: testNow(), Agent: "a"}}
	var lasts rest.ConditionList
	e.get("/api/notifications/conditions").is(200).into(&lasts)
	if len(lasts.Conditions) != 2 || *lasts.Conditions[0].RepositoryID != 7 || lasts.Conditions[1].RepositoryID != nil {
		t.Errorf("%+v", lasts)
	}
}

func TestBadChannelsAndRules(t *testing.T) {
	e := setup(t)
	long := strings.Repeat("x", 5000)
	for _, c := range []struct {
		path, good string
		bad        map[string][]string
	}{
		{"/api/notifications/channels", `"name":"ops","type":"webhook"`, map[string][]string{
			"url": {`1`, `""`, `"` + long + `"`, `"a\nb"`}, "port": {`0`, `65536`, `"x"`}, "tls": {`"maybe"`}, "secrets": {`"x"`}, "password": {`["x"]`},
			"to": {`"x"`, `[]`}, "name": {}, "from": {`""`},
		}},
		{"/api/notifications/rules", `"name":"web","events":["failure"],"channels":[7]`, map[string][]string{
			"enabled": {`1`}, "agents": {`"x"`}, "event": {`["failure"]`},
		}},
	} {
		for field, values := range c.bad {
			for _, v := range values {
				if got := e.post(c.path, `{`+c.good+`,"`+field+`":`+v+`}`).is(422).locations(); !slices.Equal(got, []string{"body." + field}) {
					t.Errorf("%s %s %.30s: errors at %v", c.path, field, v, got)
				}
			}
		}
	}
	for body, want := range map[string]string{
		`{"name":"x"}`:                  "body.type",
		`{"name":"x","type":"pigeon"}`:  "body.type",
		`{"type":"webhook"}`:            "body.name",
		`{"name":"7","type":"webhook"}`: "body.name",
	} {
		if got := e.post("/api/notifications/channels", body).is(422).locations(); !slices.Contains(got, want) {
			t.Errorf("%s: errors at %v", body, got)
		}
	}
	for body, want := range map[string]string{
		`{"name":"x","events":["failure"]}`:                                    "body.channels",
		`{"name":"x","channels":[7]}`:                                          "body.events",
		`{"name":"x","events":[],"channels":[7]}`:                              "body.events",
		`{"name":"x","events":["fire"],"channels":[7]}`:                        "body.events[0]",
		`{"name":"x","events":["failure"],"channels":[]}`:                      "body.channels",
		`{"name":"x","events":["failure"],"channels":["7"]}`:                   "body.channels[0]",
		`{"name":"x","events":["failure"],"channels":[7],"labels":["web"]}`:    "body.labels[0]",
		`{"name":"x","events":["failure"],"channels":[7],"kinds":["dream"]}`:   "body.kinds[0]",
		`{"name":"x","events":["failure"],"channels":[7],"repositories":[-1]}`: "body.repositories[0]",
	} {
		if got := e.post("/api/notifications/rules", body).is(422).locations(); !slices.Contains(got, want) {
			t.Errorf("%s: errors at %v", body, got)
		}
	}
}
