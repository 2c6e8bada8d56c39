package doctor

import (
	"strings"
	"testing"
	"time"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/shared/checkup"
)

func TestNotifications(t *testing.T) {
	fails := func(since time.Duration) rest.Delivery {
		return rest.Delivery{Waiting: 7, FailingSince: rest.At(now().Add(-since)), LastError: ptr("connection refused")}
	}
	web := sound()
	web.Labels = map[string]string{"role": "web"}
	f := &fleet{
		agents: []rest.Agent{web, {ID: "a2", Name: "old", Revoked: true, Labels: map[string]string{"old": ""}}, {ID: "a3", Name: "b", Labels: map[string]string{"site": "b"}}},
		repos:  []rest.Repository{{ID: 1, Name: "r", Status: "failed"}},
		channels: []rest.Channel{
			{ID: 1, Name: "ops"}, {ID: 2, Name: "my phone"}, {ID: 3, Name: "mail", Delivery: fails(2 * time.Hour)}, {ID: 4, Name: "chat", Delivery: fails(time.Minute)},
		},
		rules: []rest.Rule{
			{ID: 1, Name: "all", Enabled: true, Channels: []int64{1, 3, 4}},
			{ID: 2, Name: "off", Channels: []int64{2}, Agents: []string{"gone"}},
			{ID: 3, Name: "hosts", Enabled: true, Channels: []int64{1}, Agents: []string{"a2", "gone"}},
			{ID: 4, Name: "some", Enabled: true, Channels: []int64{1}, Agents: []string{"a2", "a1"}, Repositories: []int64{1, 9}},
			{ID: 8, Name: "labels", Enabled: true, Channels: []int64{1}, Labels: []string{"role=db", "old", "role"}},
			{ID: 9, Name: "labelled", Enabled: true, Channels: []int64{1}, Labels: []string{"role=db", "role=web"}},
			{ID: 10, Name: "both", Enabled: true, Channels: []int64{1}, Agents: []string{"a1"}, Labels: []string{"site=b"}},
			{ID: 5, Name: "repos", Enabled: true, Channels: []int64{1}, Repositories: []int64{9}},
			{ID: 6, Name: "good", Enabled: true, Channels: []int64{1}, Events: []string{"success", "recovered"}},
			{ID: 7, Name: "never", Channels: []int64{1}, Events: []string{"success", "recovered"}},
		},
		schedules: []rest.Schedule{{Name: "nightly"}},
	}
	o := Options{Server: "https://c", Controller: f}
	channels := findings(t, o, "channel")
	want(t, "mail", channels["mail"], checkup.Fail, "7 wait: connection refused", "notifications test mail")
	want(t, "chat", channels["chat"], checkup.Warn, "2026-03-01 11:59", "notifications test chat")
	want(t, "phone", channels["my phone"], checkup.Warn, "no enabled rule", "--to 'my phone'")
	rules := findings(t, o, "rule")
	want(t, "hosts", rules["hosts"], checkup.Warn, "the hosts that it names are gone", "rules change hosts --agent")
	want(t, "repos", rules["repos"], checkup.Warn, "the repositories that it names are gone", "--repository")
	want(t, "good", rules["good"], checkup.Warn, "recovered would never be told", "rules change good --event")
	want(t, "labels", rules["labels"], checkup.Warn, "no host has one of the labels", "rules change labels --label")
	want(t, "both", rules["both"], checkup.Warn, "none of the hosts that it names has one of the labels", "rules change both --label")
	if len(channels) != 3 || len(rules) != 5 {
		t.Errorf("%+v, %+v", channels, rules)
	}
	sum := findings(t, o, "notifications")[""]
	want(t, "sum", sum, checkup.OK, "4 channels, 10 rules; no schedule has a ping URL", "")

	f.schedules = append(f.schedules, rest.Schedule{PingTarget: ptr("https://hc-ping.com/…")})
	if sum = findings(t, o, "notifications")[""]; strings.Contains(sum.Message, "ping") {
		t.Errorf("%+v", sum)
	}
	f.rules = f.rules[1:2]
	want(t, "none enabled", findings(t, o, "notifications")[""], checkup.OK, "no rule is enabled", "")
	f.channels, f.rules = nil, nil
	want(t, "nothing", findings(t, o, "notifications")[""], checkup.OK, "there is no channel", "")
}
