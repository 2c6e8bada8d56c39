package cli

import (
	"os"
	"path/filepath"
	"testing"

	"borgfleet/controller/internal/api/rest"
)

func channelForTest() rest.Channel {
	return rest.Channel{ID: 3, Name: "ops", Type: "webhook", Target: "https://hooks.example.org/…"}
}

// TestCreateChannel: secrets come from files, and what was made is told once.
func TestCreateChannel(t *testing.T) {
	f := newFake(t, map[string][]answer{"POST /api/notifications/channels": {{201, rest.NewChannel{Channel: channelForTest(), Secret: ptr("whsec_x")}}}})
	f.command("https://hooks.example.org/t0ps3cret\n", "notifications", "channels", "create", "ops", "--type", "webhook", "--url-file", "-").want(t, 0,
		"The secret that signs what is sent, for the receiver. It is shown this once:\nwhsec_x\n\nChannel 3 leads to https://hooks.example.org/…. To try it: borgfleet-controller notifications test 3\n", "")
	file := filepath.Join(t.TempDir(), "pass")
	must(t, os.WriteFile(file, []byte("p4ss\n"), 0o600))
	f.command("", "notifications", "channels", "create", "mail", "--type", "mail", "--host", "m", "--from", "a@b.c", "--to", "d@e.f", "--to", "g@h.i", "--username", "u", "--smtp-password-file", file, "-o", "json")
	want := []string{
		`POST /api/notifications/channels {"name":"ops","type":"webhook","url":"https://hooks.example.org/t0ps3cret"}`,
		`POST /api/notifications/channels {"name":"mail","type":"mail","host":"m","username":"u","password":"p4ss","from":"a@b.c","to":["d@e.f","g@h.i"]}`,
	}
	for i, got := range f.heard() {
		if got != want[i] {
			t.Errorf("asked %s", got)
		}
	}
}

func TestRuleByNames(t *testing.T) {
	rule := rest.Rule{ID: 5, Name: "web", Enabled: true, Events: []string{"failure"}, Labels: []string{"role=web"}, Channels: []int64{3}}
	f := newFake(t, map[string][]answer{
		"GET /api/notifications/channels": ok(rest.ChannelList{Channels: []rest.Channel{channelForTest()}}),
		"GET /api/notifications/rules":    ok(rest.RuleList{Rules: []rest.Rule{rule}}),
		"POST /api/notifications/rules":   {{201, rule}}, "PUT /api/notifications/rules/5": ok(rule), "DELETE /api/notifications/rules/5": {{204, nil}},
	})
	f.command("", "notifications", "rules", "create", "web", "--event", "failure", "--label", "role=web", "--to", "ops").want(t, 0,
		"Rule 5: failure, label role=web, to channel 3\n", "")
	f.command("", "notifications", "rules", "list").want(t, 0, "ID  NAME  EVENTS   ABOUT\n 5  web   failure  label role=web, to channel 3\n", "")
	f.command("", "notifications", "rules", "change", "web", "--disable")
	f.command("", "notifications", "rules", "delete", "5", "--yes").want(t, 0, "", "The rule web is deleted\n")
	f.command("", "notifications", "rules", "create", "web", "--event", "failure").want(t, 2, "", "borgfleet-controller: --event and --to are needed: what is told, and where\n")
	f.command("", "notifications", "rules", "create", "web", "--event", "failure", "--to", "nowhere").want(t, 1, "", "borgfleet-controller: no channel has the name or id \"nowhere\"; borgfleet-controller notifications channels list shows what there is\n")
	heard := f.heard()
	if heard[1] != `POST /api/notifications/rules {"name":"web","events":["failure"],"labels":["role=web"],"channels":[3]}` || heard[4] != `PUT /api/notifications/rules/5 {"enabled":false}` {
		t.Errorf("asked %q", heard)
	}
}

func TestTestedChannel(t *testing.T) {
	f := newFake(t, map[string][]answer{
		"GET /api/notifications/channels":         ok(rest.ChannelList{Channels: []rest.Channel{channelForTest()}}),
		"POST /api/notifications/channels/3/test": {{200, rest.ChannelTested{Delivered: true, Answer: "200 OK"}}, {200, rest.ChannelTested{Answer: "503\x1b[1m"}}},
	})
	f.command("", "notifications", "test", "ops").want(t, 0, "Delivered. The receiver says: 200 OK\n", "")
	f.command("", "notifications", "test", "3").want(t, 1, "", "borgfleet-controller: not delivered: 503\\x1b[1m\n")
}

func TestNotificationStatus(t *testing.T) {
	ch := channelForTest()
	ch.Delivery = rest.Delivery{Waiting: 2, LeftOut: 1, FailingSince: rest.At(now()), LastError: ptr("refused")}
	f := newFake(t, map[string][]answer{
		"GET /api/notifications/channels":   ok(rest.ChannelList{Channels: []rest.Channel{ch}}),
		"GET /api/notifications/conditions": ok(rest.ConditionList{Conditions: []rest.Condition{{Event: "stale", Since: rest.At(now()), Message: "no backup"}}}),
	})
	f.command("", "notifications", "status").want(t, 0,
		"ID  NAME  TYPE     TARGET                       WAITING  LAST SUCCESS  ABOUT\n"+
			" 3  ops   webhook  https://hooks.example.org/…        2  -             fails since 2026-03-01 12:00:00: refused; 1 left out so far\n"+
			"\nTold, and still so:\nSINCE                EVENT  WHAT\n2026-03-01 12:00:00  stale  no backup\n", "")
}
