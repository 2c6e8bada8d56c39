package api_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/fleet"
)

func TestAgents(t *testing.T) {
	e := setup(t)
	e.fleet.agents = []fleet.AgentView{
		{ID: "a-1", Name: "web-1", Online: true, LastContactAt: testNow(), AgeRecipient: "age1x", MaxParallel: 1, Labels: map[string]string{"site": "vie"},
			Borg: []fleet.BorgBinary{{Path: "/usr/bin/borg", Version: "1.4.0"}, {Path: "/opt/borg", Problem: "too old"}}},
		{ID: "a-2", Name: "new"},
	}
	var list rest.AgentList
	e.get("/api/agents").is(200).into(&list)
	if len(list.Agents) != 2 || *list.Agents[0].Borg[1].Problem != "too old" || list.Agents[1].Version != nil {
		t.Errorf("got %+v", list)
	}
	e.get("/api/agents/a-1").is(200)
	e.get("/api/agents/new/").is(200)
	e.get("/api/agents/a%2F..%2Fb").is(404)
	e.get("/api/agents/" + strings.Repeat("x", 3000)).is(404)
}

// TestAnAgentsTroubles: what is not known is null, and never a guess.
func TestAnAgentsTroubles(t *testing.T) {
	e := setup(t)
	ahead := -90*time.Second - 400*time.Millisecond
	e.fleet.agents = []fleet.AgentView{
		{ID: "a-1", Name: "web-1", Problem: "look", ProblemAt: testNow(), Revoked: true, RevokedAt: testNow(), ClockSkew: &ahead},
		{ID: "a-2", Name: "new"},
	}
	var list rest.AgentList
	e.get("/api/agents").is(200).into(&list)
	a, b := list.Agents[0], list.Agents[1]
	if *a.Problem != "look" || !a.ProblemAt.Equal(testNow().Truncate(time.Second)) || !a.RevokedAt.Equal(a.ProblemAt.Time) || *a.ClockSkewSeconds != -90 {
		t.Errorf("got %+v", a)
	}
	if b.Problem != nil || b.ProblemAt != nil || b.RevokedAt != nil || b.ClockSkewSeconds != nil {
		t.Errorf("got %+v", b)
	}
}

func TestChangeAgent(t *testing.T) {
	e := setup(t)
	e.fleet.agents = []fleet.AgentView{{ID: "a-1", Name: "web-1", Paused: true}}
	e.do("PATCH", "/api/agents/a-1", `{"name":"web-2","labels":{"site":"Wien 1"},"paused":false,"max_parallel":0}`).is(200)
	got := e.fleet.change
	if *got.Name != "web-2" || got.Labels["site"] != "Wien 1" || *got.Paused || *got.MaxParallel != 0 || got.By != "the admin" {
		t.Errorf("asked for %+v", got)
	}
	// What is left out stays, an empty object of labels takes all away.
	for body, labels := range map[string]bool{`{}`: false, `{"name":null,"labels":null,"paused":null,"max_parallel":null}`: false, `{"labels":{}}`: true} {
		e.do("PATCH", "/api/agents/web-1", body).is(200)
		got := e.fleet.change
		if got.Name != nil || (got.Labels != nil) != labels || got.Paused != nil || got.MaxParallel != nil {
			t.Errorf("%s: asked for %+v", body, got)
		}
	}
	for body, at := range map[string]string{
		`{"nmae":"x"}`:         "body.nmae",
		`{"name":""}`:          "body.name",
		`{"name":"a b"}`:       "body.name",
		`{"name":7}`:           "body.name",
		`{"labels":[]}`:        "body.labels",
		`{"labels":{"a":1}}`:   "body.labels.a",
		`{"paused":"yes"}`:     "body.paused",
		`{"max_parallel":65}`:  "body.max_parallel",
		`{"max_parallel":-1}`:  "body.max_parallel",
		`{"max_parallel":1.5}`: "body.max_parallel",
		`{"revoked":true}`:     "body.revoked",
		`[]`:                   "body",
	} {
		if got := e.do("PATCH", "/api/agents/a-1", body).is(422).locations(); !slices.Contains(got, at) {
			t.Errorf("%s: wrong is %v", body, got)
		}
	}
	e.do("PATCH", "/api/agents/a-1", ``).is(400)
	e.do("PATCH", "/api/agents/nobody", `{}`).is(404)
}

func TestRevokeAndDeleteAgent(t *testing.T) {
	e := setup(t)
	e.fleet.agents = []fleet.AgentView{{ID: "a-1", Name: "web-1"}}
	e.post("/api/agents/web-1/revoke", "").is(200)
	if e.fleet.by != "the admin" {
		t.Errorf("by %q", e.fleet.by)
	}
	e.post("/api/agents/nobody/revoke", "").is(404)
	if a := e.do("DELETE", "/api/agents/a-1", "").is(204); len(a.body) != 0 || e.fleet.gone != "a-1" {
		t.Errorf("answered %q, deleted %q", a.body, e.fleet.gone)
	}
	e.do("DELETE", "/api/agents/nobody", "").is(404)
	e.fleet.err = fault.New(fault.Conflict, "agent_in_use", "agent web-1 still has unfinished jobs (7)")
	if got := e.do("DELETE", "/api/agents/a-1", "").is(409).problem(); got.Code != "agent_in_use" {
		t.Errorf("got %+v", got)
	}
}
