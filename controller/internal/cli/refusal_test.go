package cli

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"borgfleet/controller/internal/api/rest"
)

const toList = "see which there are: borgfleet-controller agents list"

// TestRefusalsSayWhatToDo: what the controller says about it stands on a line of
// its own, and a name that nearly fits is proposed before it.
func TestRefusalsSayWhatToDo(t *testing.T) {
	noAgent := answer{404, rest.Problem{Status: 404, Detail: `no agent "wbe1" is enrolled`, Code: "agent_not_found", Next: toList}}
	invalid := func(location string) []answer {
		return []answer{{422, rest.Problem{Status: 422, Detail: location + ": it is too long", Code: "invalid_request", Next: "look into /api/docs",
			Errors: []rest.ProblemField{{Location: location, Message: "it is too long"}}}}}
	}
	hosts := ok(rest.AgentList{Agents: []rest.Agent{{ID: "a1", Name: "web1"}, {ID: "a2", Name: "db1"}}})
	for name, c := range map[string]struct {
		answers map[string][]answer
		line    string
		code    int
		want    string
	}{
		"said by the controller": {
			map[string][]answer{"GET /api/agents/mail": {{404, rest.Problem{Status: 404, Detail: `no agent "mail" is enrolled`, Code: "agent_not_found", Next: toList}}}, "GET /api/agents": hosts},
			"agents show mail", 1,
			"borgfleet-controller: no agent \"mail\" is enrolled\nNext: " + toList + "\n",
		},
		"a near name": {
			map[string][]answer{"GET /api/agents/wbe1": {noAgent}, "GET /api/agents": hosts},
			"agents show wbe1", 1,
			"borgfleet-controller: no agent \"wbe1\" is enrolled\nNext: did you mean web1? If not, " + toList + "\n",
		},
		"names that cannot be listed": {
			map[string][]answer{"GET /api/agents/wbe1": {noAgent}, "GET /api/agents": {{403, rest.Problem{Status: 403, Detail: "no"}}}},
			"agents show wbe1", 1,
			"borgfleet-controller: no agent \"wbe1\" is enrolled\nNext: " + toList + "\n",
		},
		"an option that was given": {
			map[string][]answer{"POST /api/agents/join-tokens": invalid("body.name")},
			"join-token create --name x", 2,
			"borgfleet-controller: --name: it is too long\n",
		},
		"the contract is not what was typed": {
			map[string][]answer{"POST /api/agents/join-tokens": invalid("body.newer")},
			"join-token create --name x", 1,
			"borgfleet-controller: body.newer: it is too long\nNext: borgfleet-controller join-token create --help says what it takes\n",
		},
		"another word that nearly fits": { // web, and not what was refused
			map[string][]answer{
				"GET /api/repositories":   ok(rest.RepositoryList{Repositories: []rest.Repository{{ID: 2, Name: "webs"}}}),
				"PUT /api/repositories/2": invalid("body.maintainer"),
				"GET /api/agents":         ok(rest.AgentList{Agents: []rest.Agent{{Name: "web"}, {Name: "mail"}}}),
			},
			"repositories update webs --maintainer mail", 2,
			"borgfleet-controller: --maintainer: it is too long\n",
		},
		"a near name of what is looked for here": {
			map[string][]answer{"GET /api/schedule": ok(rest.ScheduleList{Schedules: []rest.Schedule{{Name: "nightly"}}})},
			"schedules show nigthly", 1,
			"borgfleet-controller: no schedule has the name or id \"nigthly\"; borgfleet-controller schedules list shows what there is\nNext: did you mean nightly?\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			newFake(t, c.answers).command("", strings.Fields(c.line)...).want(t, c.code, "", c.want)
		})
	}
}

// TestNearNameOfAnOption: the status stays that of a wrong command line.
func TestNearNameOfAnOption(t *testing.T) {
	wrong := rest.Problem{Status: 422, Code: "invalid_request", Detail: `query.agent: no agent "wbe1" is enrolled`,
		Errors: []rest.ProblemField{{Location: "query.agent", Message: `no agent "wbe1" is enrolled`}}}
	f := newFake(t, map[string][]answer{hostsAsked: {{422, wrong}}, "GET /api/agents": ok(rest.AgentList{Agents: []rest.Agent{{Name: "web1"}}})})
	f.command("", "fleet", "stale", "--agent", "wbe1").want(t, 2, "",
		"borgfleet-controller: --agent: no agent \"wbe1\" is enrolled; borgfleet-controller agents list shows what there is\nNext: did you mean web1?\n")
}

// TestEndSaysWhatToDo: of a job that was followed.
func TestEndSaysWhatToDo(t *testing.T) {
	failed := theJob(7, "failed", func(j *rest.JobCore) {
		j.ErrorCode, j.ErrorMessage = ptr("hook_failed"), ptr("the hook dump ended with status 1")
	})
	done := theJob(8, "completed", nil)
	f := newFake(t, map[string][]answer{
		"GET /api/backup/logs/7/stream": {cut(end(failed, true))}, "GET /api/backup/logs/8/stream": {cut(end(done, true))},
	})
	f.command("", "jobs", "follow", "7").want(t, 1,
		"Job 7 failed: the hook dump ended with status 1\nNext: the log has what the hook said: borgfleet-controller jobs logs 7. Mend it on the host, then order the job again\n", "")
	if r := f.command("", "jobs", "follow", "8"); r.code != 0 || strings.Contains(r.out, "Next") {
		t.Errorf("%+v", r)
	}
}

// TestWrongServer: something else answers there.
func TestWrongServer(t *testing.T) {
	page := func(status int) *httptest.Server {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>", status) }))
		t.Cleanup(s.Close)
		return s
	}
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // that our client goes away
	secure.StartTLS()
	t.Cleanup(secure.Close)
	t.Setenv("BORGFLEET_API_TOKEN", "good")
	for url, want := range map[string]string{
		page(404).URL: "is it the address of its REST API (serve --api-listen)",
		page(502).URL: "is the controller behind it running?",
		strings.Replace(page(200).URL, "http:", "https:", 1): "write http:// instead of https://",
		strings.Replace(secure.URL, "https:", "http:", 1):    "write https:// instead of http://",
		secure.URL: "SSL_CERT_FILE=FILE",
	} {
		if r := command(t.Context(), "", []string{"agents", "list", "--server", url}, nil); r.code != 3 || !strings.Contains(r.err, want) {
			t.Errorf("%s: %+v, want %q", url, r, want)
		}
	}
}
