package plan

import (
	"strings"
	"testing"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/shared/definitions"
)

const told = `notifications:
  channels:
    - {name: ops, type: webhook, url: {file: u}, secret: {file: s}}
    - {name: mail, type: mail, host: m, from: a@b.c, to: [d@e.f], username: u, password: {file: p}}
  rules:
    - {name: trouble, events: [stale, failure], agents: [web1], repositories: [web], channels: [ops, mail]}
`

const people = "users:\n  - {name: ann, role: admin}\n  - {name: bob, role: operator, password: {file: b}}\n"

// peopled is a fleet in which all of that is there.
func peopled(t *testing.T) Fleet {
	host, tls, user, from, port := "m", "starttls", "u", "a@b.c", int64(587)
	return Fleet{
		Agents:       agents(),
		Repositories: []client.Fields{fields(t, usual(1, "web1", "a1", "web", "/srv/web1")), fields(t, usual(2, "web2", "a2", "web", "/srv/web2")), fields(t, usual(3, "gone", "a3", "web", "/x"))},
		Channels: []Channel{
			{rest.Channel{ID: 4, Name: "ops", Type: "webhook"}, rest.ChannelSettings{Readable: true, Secrets: []string{"url", "secret"}}},
			{rest.Channel{ID: 5, Name: "mail", Type: "mail"}, rest.ChannelSettings{Readable: true, Host: &host, Port: &port, TLS: &tls, Username: &user, From: &from, To: []string{"d@e.f"}, Secrets: []string{"password"}}},
			{rest.Channel{ID: 6, Name: "other", Type: "ntfy"}, rest.ChannelSettings{}},
		},
		Rules: []rest.Rule{{ID: 7, Name: "trouble", Enabled: true, Events: []string{"failure", "stale"}, Agents: []string{"a1"}, Repositories: []int64{2, 1}, Channels: []int64{5, 4}}},
		Users: []rest.User{{Name: "ann", Role: "admin"}, {Name: "bob", Role: "operator"}, {Name: "root", Role: "admin"}},
		Me:    "ann",
	}
}

func TestNotificationsAndUsers(t *testing.T) {
	same := "channel ops unchanged\nchannel mail unchanged\nrule trouble unchanged\nuser ann unchanged\nuser bob unchanged"
	// but is what is otherwise than all unchanged.
	but := func(old, new string) string {
		if !strings.Contains(same, old) {
			t.Fatal(old)
		}
		return strings.Replace(same, old, new, 1)
	}
	edit := func(old, new string) func(string) string {
		return func(s string) string {
			if !strings.Contains(s, old) {
				t.Fatal(old)
			}
			return strings.Replace(s, old, new, 1)
		}
	}
	for name, tt := range map[string]struct {
		file  func(string) string
		fleet func(*Fleet)
		want  string
	}{
		"all there": {nil, nil, same},
		"nothing there": {edit("agents: [web1], ", ""), func(f *Fleet) {
			f.Channels, f.Rules, f.Users = nil, nil, []rest.User{{Name: "ann", Role: "admin"}}
		},
			"channel ops create\nchannel mail create\nrule trouble create\nuser ann unchanged\nuser bob create"},
		"a secret": {nil, func(f *Fleet) { f.Other = map[Subject][]string{{"channel", "ops"}: {"url"}} },
			but("ops unchanged", "ops change; url a secret → another secret")},
		"a secret that was not there": {nil, func(f *Fleet) {
			f.Channels[0].Settings.Secrets = nil
			f.Other = map[Subject][]string{{"channel", "ops"}: {"url"}}
		}, but("ops unchanged", "ops change; url none → another secret")},
		"mail":           {edit("host: m, from: a@b.c, to: [d@e.f]", "host: n, tls: tls, from: a@b.c, to: [d@e.f, g@h.i]"), nil, but("mail unchanged", "mail change; host m → n; port 587 → 465; tls starttls → tls; to + g@h.i")},
		"mail as always": {edit("host: m,", "host: m, port: 587, tls: starttls,"), nil, same},
		"no user named":  {edit(", username: u, password: {file: p}", ""), nil, same},
		"unreadable": {nil, func(f *Fleet) { f.Channels[1].Settings = rest.ChannelSettings{} },
			but("mail unchanged", "mail change; from none → a@b.c; host none → m; port none → 587; tls none → starttls; to + d@e.f; username none → u")},
		"events":   {edit("[stale, failure]", "[stale, recovered]"), nil, but("trouble unchanged", "trouble change; events + recovered - failure")},
		"agents":   {edit("[web1]", "[web2]"), nil, but("trouble unchanged", "trouble change; agents + web2 - web1")},
		"by id":    {edit("[web1]", "[a1]"), nil, same},
		"for all":  {edit("repositories: [web], ", ""), nil, but("trouble unchanged", "trouble change; repositories - web on web2 - web on web1")},
		"one host": {edit("[web],", "[{name: web, agent: web2}],"), nil, but("trouble unchanged", "trouble change; repositories - web on web1")},
		"channels": {edit("[ops, mail]", "[ops, other]"), nil, but("trouble unchanged", "trouble change; channels + other - mail")},
		"paused":   {nil, func(f *Fleet) { f.Rules[0].Enabled = false }, same},
		"resumed":  {edit("events: [s", "enabled: true, events: [s"), func(f *Fleet) { f.Rules[0].Enabled = false }, but("trouble unchanged", "trouble change; enabled no → yes")},
		"what is gone is no difference": {nil, func(f *Fleet) {
			f.Rules[0].Repositories, f.Rules[0].Agents = []int64{1, 2, 3}, []string{"a1", "gone-id"}
		}, same},
		"nor is who was revoked": {nil, func(f *Fleet) { f.Rules[0].Agents = []string{"a3", "a1"} }, same},
		"named by the id":        {edit("[web1]", "[a3, web1]"), nil, same},
		"nor for all then": {edit("agents: [web1], ", ""), func(f *Fleet) { f.Rules[0].Agents = []string{"a3"} },
			but("trouble unchanged", "trouble change; agents - gone")},
		"but it is not for all then": {edit("agents: [web1], repositories: [web], ", ""), func(f *Fleet) { f.Rules[0].Repositories, f.Rules[0].Agents = []int64{3}, []string{"gone-id"} },
			but("trouble unchanged", "trouble change; agents - gone-id; repositories - web on gone")},
		"a role": {edit("operator", "viewer"), nil, but("bob unchanged", "bob change; role operator → viewer")},
		"own last": {func(s string) string {
			return strings.NewReplacer("ann, role: admin", "ann, role: viewer", "bob, role: operator", "bob, role: admin").Replace(s)
		}, nil, but("user ann unchanged\nuser bob unchanged", "user bob change; role operator → admin\nuser ann change; role admin → viewer")},
		"less later": {edit("users:\n", "users:\n  - {name: root, role: viewer}\n"), nil, but("user ann unchanged\nuser bob unchanged", "user ann unchanged\nuser bob unchanged\nuser root change; role admin → viewer")},
	} {
		file := told + people
		if tt.file != nil {
			file = tt.file(file)
		}
		f, err := definitions.Parse([]byte(file))
		if err != nil {
			t.Fatal(name, err)
		}
		fleet := peopled(t)
		if tt.fleet != nil {
			tt.fleet(&fleet)
		}
		p, err := Make(f, fleet)
		if err != nil || outline(p) != tt.want {
			t.Errorf("%s: %v\n%s\nwant\n%s", name, err, outline(p), tt.want)
		}
	}
}

// TestRuleWaitsForItsHosts: without its repositories it would be for everything.
func TestRuleWaitsForItsHosts(t *testing.T) {
	f, err := definitions.Parse([]byte(strings.ReplaceAll(web, "role=web", "role=none") + told))
	if err != nil {
		t.Fatal(err)
	}
	fleet := peopled(t)
	fleet.Rules = nil
	p, err := Make(f, fleet)
	if err != nil || outline(p) != "channel ops unchanged\nchannel mail unchanged\nunmatched web role=none\nidle rule trouble" {
		t.Errorf("%v\n%s", err, outline(p))
	}
}

// TestRuleIsSentWhole: REST takes no change of a rule that names what is gone.
func TestRuleIsSentWhole(t *testing.T) {
	f, err := definitions.Parse([]byte(strings.Replace(told, "[stale, failure]", "[stale]", 1)))
	if err != nil {
		t.Fatal(err)
	}
	fleet := peopled(t)
	fleet.Rules[0].Repositories = append(fleet.Rules[0].Repositories, 99)
	p, err := Make(f, fleet)
	if err != nil {
		t.Fatal(err)
	}
	c := p.Changes[2]
	if err := c.Resolve(nil); err != nil {
		t.Fatal(err)
	}
	if got, want := text(c.Fields), `{"agents":["a1"],"channels":[4,5],"events":["stale"],"kinds":[],"labels":[],"name":"trouble","repositories":[1,2]}`; got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestRefusedPeople(t *testing.T) {
	for name, tt := range map[string]struct{ old, new, want string }{
		"another type":      {"ops, type: webhook, url: {file: u}, secret: {file: s}", "ops, type: ntfy, url: {file: u}", "channel ops: it is of the type webhook, which cannot become ntfy"},
		"no secret":         {"ops, type: webhook, url: {file: u}, secret: {file: s}", "new, type: webhook, url: {file: u}", "channel new: there is none of this name yet, and what it sends is signed: give secret: {file: PATH} or {env: NAME}"},
		"no channel":        {"[ops, mail]", "[ops, pager]", "rule trouble: neither the file nor the fleet has a channel pager"},
		"no repository":     {"[web]", "[wbe]", "rule trouble: neither the file nor the fleet has a repository wbe"},
		"not on that host":  {"[web]", "[{name: web, agent: db1}]", "rule trouble: neither the file nor the fleet has a repository web on db1"},
		"no host":           {"[web1]", "[db1]", `rule trouble: no host of the fleet has the name or id "db1"`},
		"no password":       {"bob, role: operator, password: {file: b}", "eve, role: operator", "user eve: there is none of this name yet: give password: {file: PATH} or {env: NAME}"},
		"no administrators": {"ann, role: admin}", "ann, role: viewer}\n  - {name: root, role: operator}", "users: nobody would be an administrator: give at least one of them the role admin"},
	} {
		file := strings.Replace(told+people, tt.old, tt.new, 1)
		f, err := definitions.Parse([]byte(file))
		if err != nil {
			t.Fatal(name, err)
		}
		if _, err := Make(f, peopled(t)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestMaintainer: it is named when all repositories are there, one that is new as well;
// one that the file does not name stays.
func TestMaintainer(t *testing.T) {
	const one = "repositories:\n  - {name: web, path: /srv/web1, agent: web1, encryption: none, source_directories: [/etc], maintainer: web2}\n"
	for name, tt := range map[string]struct{ file, has, want string }{
		"another":   {one, "", "repository web web1 unchanged\nmaintainer web web1 change; maintainer none → web2"},
		"instead":   {one, "web3", "repository web web1 unchanged\nmaintainer web web1 change; maintainer web3 → web2"},
		"by id":     {strings.Replace(one, "maintainer: web2", "maintainer: a2", 1), "web2", "repository web web1 unchanged"},
		"the same":  {one, "web2", "repository web web1 unchanged"},
		"left out":  {strings.Replace(one, ", maintainer: web2", "", 1), "web2", "repository web web1 unchanged"},
		"a new one": {strings.Replace(one, "/srv/web1", "/srv/new", 1), "-", "repository web web1 create\nmaintainer web web1 change; maintainer none → web2"},
		"itself":    {strings.Replace(one, "maintainer: web2", "maintainer: web1", 1), "", "repository web: maintainer web1: it uses the repository itself: leave maintainer out there"},
		"nobody":    {strings.Replace(one, "maintainer: web2", "maintainer: gone", 1), "", `repository web: maintainer gone: no host of the fleet has the name or id "gone"`},
	} {
		f, err := definitions.Parse([]byte(tt.file))
		if err != nil {
			t.Fatal(name, err)
		}
		fleet := peopled(t)
		if fleet.Repositories[0]["maintainer"] = tt.has; tt.has == "-" {
			fleet.Repositories = nil
		}
		p, err := Make(f, fleet)
		got := outline(p)
		if err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s: %s\nwant\n%s", name, got, tt.want)
		}
	}
}

// TestPingURL: which one a schedule has nobody is told, but that it is another one.
func TestPingURL(t *testing.T) {
	f, err := definitions.Parse([]byte(web + nightly + "    ping_url: {file: p}\n"))
	if err != nil {
		t.Fatal(err)
	}
	fleet := peopled(t)
	s := usualSchedule(1, 2)
	target := "https://hc/…"
	s.PingTarget = &target
	fleet.Schedules = []client.Fields{fields(t, s)}
	p, err := Make(f, fleet)
	if want := "repository web web1 unchanged\nrepository web web2 unchanged\nschedule nightly unchanged"; err != nil || outline(p) != want {
		t.Errorf("%v\n%s", err, outline(p))
	}
	fleet.Other = map[Subject][]string{{"schedule", "nightly"}: {"ping_url"}}
	p, err = Make(f, fleet)
	if want := "repository web web1 unchanged\nrepository web web2 unchanged\nschedule nightly change; ping_url a secret → another secret"; err != nil || outline(p) != want || p.Changes[2].Secrets["ping_url"].File != "p" {
		t.Errorf("%v\n%s\n%+v", err, outline(p), p.Changes[2].Secrets)
	}
}
