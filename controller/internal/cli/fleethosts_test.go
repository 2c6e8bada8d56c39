package cli

import (
	"strings"
	"testing"
	"time"

	"borgfleet/controller/internal/api/rest"
)

const hostsAsked = "GET /api/fleet/hosts"

// sampleHosts are one that is well, one that is stale and shrank, and a new one.
func sampleHosts() rest.HostList {
	good := func(days int, size int64) rest.Host {
		return rest.Host{
			Agent: "web1", AgentID: "id-web1", AgentOnline: true, Scheduled: true, LastJobID: ptr(int64(9)), LastStatus: ptr("completed"),
			LastGoodJobID: ptr(int64(9)), LastGoodAt: rest.At(now().AddDate(0, 0, -days)), LastGoodSize: &size,
		}
	}
	well, bad := good(0, 5e9), good(3, 4e8)
	well.RepositoryID, well.Name, well.NextRun = 1, "www", rest.At(now().Add(time.Hour))
	bad.RepositoryID, bad.Name, bad.Agent, bad.AgentOnline, bad.Stale, bad.Why = 2, "data", "db1", false, true, ptr("no good backup since then")
	bad.Shrunk = &rest.Shrunk{Size: 4e8, NormalSize: 1e9, NormalJobID: 5, NormalAt: rest.At(now().AddDate(0, 0, -4))}
	return rest.HostList{Hosts: []rest.Host{bad, well, {RepositoryID: 3, Name: "new", Agent: "web2", AgentOnline: true}}}
}

func TestHosts(t *testing.T) {
	f := newFake(t, map[string][]answer{hostsAsked: ok(sampleHosts())})
	f.command("", "fleet", "hosts").want(t, 0, `AGENT  REPOSITORY  LAST GOOD       SIZE  LAST       NEXT                 STALE  ABOUT
db1    data        3d 00h ago  400.0 MB  completed  not known            stale  no good backup since then; it shrank from 1.0 GB to 400.0 MB; its host is away
web1   www         now           5.0 GB  completed  2026-03-01 13:00:00  -      -
web2   new         never              -  -          no schedule          -      -
`, "")
}

// TestForMonitors: the exit status says whether there is something.
func TestForMonitors(t *testing.T) {
	for name, says := range map[string]string{"stale": "Nothing is stale.\n", "shrunk": "Nothing shrank.\n"} {
		f := newFake(t, map[string][]answer{hostsAsked: {{200, sampleHosts()}, {200, rest.HostList{Hosts: []rest.Host{}}}, {503, rest.Problem{Status: 503, Detail: "stopping"}}}})
		if r := f.command("", "fleet", name, "--agent", "web1", "--label", "a=b", "--max-age", "26h"); r.code != 1 || !strings.Contains(r.out, "db1") || r.err != "" {
			t.Errorf("%s: %+v", name, r)
		}
		if got, want := f.heard()[0], hostsAsked+"?agent=web1&label=a%3Db&max_age=93600&"+name+"=true"; got != want {
			t.Errorf("asked %s, want %s", got, want)
		}
		f.command("", "fleet", name).want(t, 0, "", says)
		f.command("", "fleet", name).want(t, 3, "", "borgfleet-controller: stopping\n")
		f.command("", "fleet", name, "--max-age", "soon").want(t, 2, "", "borgfleet-controller: --max-age: \"soon\" is not a time such as 26h or 2d\n")
	}
}

// TestForMonitorsWrongName: a name that there is not is no bad news of a backup, so
// it does not have the exit status of some.
func TestForMonitorsWrongName(t *testing.T) {
	wrong := rest.Problem{Status: 422, Detail: `query.agent: no agent "wbe1" is enrolled`, Errors: []rest.ProblemField{{Location: "query.agent", Message: `no agent "wbe1" is enrolled`}}}
	f := newFake(t, map[string][]answer{hostsAsked: {{422, wrong}, {422, wrong}}})
	f.command("", "fleet", "stale", "--agent", "wbe1").want(t, 2, "", "borgfleet-controller: --agent: no agent \"wbe1\" is enrolled; borgfleet-controller agents list shows what there is\n")
	// What no option has asked is not what is wrong with the line.
	f.command("", "fleet", "stale").want(t, 1, "", "borgfleet-controller: query.agent: no agent \"wbe1\" is enrolled\n")
}

// TestForMonitorsWrongLabel: nothing is stale where there is nothing, and that is no
// good news.
func TestForMonitorsWrongLabel(t *testing.T) {
	none := answer{200, rest.HostList{Hosts: []rest.Host{}}}
	for _, form := range [][]string{nil, {"-o", "json"}} {
		for _, name := range []string{"stale", "shrunk", "hosts"} {
			f := newFake(t, map[string][]answer{hostsAsked: {none}})
			f.command("", append([]string{"fleet", name, "--label", "role=bd"}, form...)...).want(t, 2, "",
				"borgfleet-controller: --label: no repository is registered for a host with the label role=bd; borgfleet-controller agents list shows the labels\n")
		}
	}
	f := newFake(t, map[string][]answer{hostsAsked: {none, {200, sampleHosts()}}})
	f.command("", "fleet", "stale", "--agent", "db1", "--label", "role=db").want(t, 0, "", "Nothing is stale.\n")
	if got, want := f.heard()[1], hostsAsked+"?agent=db1&label=role%3Ddb"; got != want {
		t.Errorf("asked %s, want %s", got, want)
	}
}

// TestStaleWatched: that something is stale is no reason to look away.
func TestStaleWatched(t *testing.T) {
	f := newFake(t, map[string][]answer{hostsAsked: {{200, sampleHosts()}, {200, rest.HostList{Hosts: []rest.Host{}}}}})
	screen, code := f.onTerminal(100, 20, "", "Nothing is stale.", "fleet", "stale", "-w", "--interval", "500ms")
	if code != 130 || !strings.Contains(screen, "Nothing is stale.") {
		t.Errorf("%d\n%s", code, screen)
	}
}

func TestAcceptSize(t *testing.T) {
	const accepting = "POST /api/repositories/2/accept-size"
	list := rest.RepositoryList{Repositories: []rest.Repository{{ID: 2, Name: "data", Agent: "db1", AgentID: "id-db1"}, {ID: 1, Name: "www", Agent: "web1", AgentID: "id-web1"}}}
	f := newFake(t, map[string][]answer{
		"GET /api/repositories": ok(list), hostsAsked: ok(sampleHosts()),
		accepting: ok(rest.AcceptedSize{JobID: 9, Size: 4e8, SizeBefore: 1e9}),
	})
	f.command("", "repositories", "accept-size", "data", "--yes").want(t, 0, "400.0 MB is normal for data from now on.\n", "")
	if got, want := f.heard()[2], accepting+` {"job_id":9}`; got != want {
		t.Errorf("asked %s, want %s", got, want)
	}
	if r := f.command("", "repositories", "accept-size", "data"); r.code != 2 || !strings.Contains(r.err, "--yes") || strings.Contains(strings.Join(f.heard()[3:], " "), accepting) {
		t.Errorf("without a word of a person: %+v", r)
	}
	f = newFake(t, map[string][]answer{"GET /api/repositories": ok(list), hostsAsked: ok(rest.HostList{Hosts: []rest.Host{}})})
	f.command("", "repositories", "accept-size", "data", "--yes").want(t, 1, "", "borgfleet-controller: the newest good backup of data did not shrink: there is nothing to accept\n")
}
