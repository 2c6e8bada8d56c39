package cli

import (
	"flag"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/api/rest"
)

// TestFieldsHaveOptions: whatever of a body the controller refuses, who typed the
// command reads what to type instead. What is named here as left out, the command says
// itself or does not send.
func TestFieldsHaveOptions(t *testing.T) {
	for path, c := range map[string]struct {
		body any
		not  string
	}{
		"repositories create":           {rest.RepositoryRequest{}, ""},
		"repositories import":           {rest.RepositoryRequest{}, ""},
		"repositories update":           {rest.RepositoryRequest{}, "path encryption"},
		"repositories prune":            {rest.Retention{}, ""},
		"schedules create":              {rest.ScheduleRequest{}, "enabled"},
		"schedules change":              {rest.ScheduleRequest{}, "enabled"},
		"schedules cron":                {rest.CronRequest{}, ""},
		"notifications channels create": {rest.ChannelRequest{}, ""},
		"notifications channels change": {rest.ChannelRequest{}, "type"},
		"notifications rules create":    {rest.RuleRequest{}, "enabled"},
		"notifications rules change":    {rest.RuleRequest{}, "enabled"},
		"restore start":                 {rest.RestoreRequest{}, ""},
		"users create":                  {rest.NewUser{}, ""},
		"users set":                     {rest.UserChange{}, ""},
		"tokens create":                 {rest.APITokenRequest{}, ""},
		"join-token create":             {rest.JoinTokenRequest{}, ""},
		"agents rename":                 {rest.AgentChange{}, "labels paused max_parallel"},
		"agents label":                  {rest.AgentChange{}, "name paused max_parallel"},
		"agents limit":                  {rest.AgentChange{}, "name labels paused"},
		"jobs start":                    {rest.Start{}, ""},
	} {
		at := contextOf(t, path)
		for _, field := range fieldsOf(reflect.TypeOf(c.body)) {
			if slices.Contains(strings.Fields(c.not), field) {
				continue
			}
			for _, location := range []string{"body." + field, "body." + field + "[0]", "body." + field + ".x"} {
				if typed, ok := typedFor(at, rest.ProblemField{Location: location}); !ok {
					t.Errorf("%s: nothing is typed for %s", path, location)
				} else if option, is := strings.CutPrefix(typed, "--"); is && !hasOption(at, option) {
					t.Errorf("%s has no %s for %s", path, typed, location)
				}
			}
		}
	}
}

// contextOf is a call of a command with nothing given.
func contextOf(t *testing.T, path string) *cli.Context {
	t.Helper()
	k := &controller{in: strings.NewReader(""), now: now}
	commands, found := k.program().Commands, (*cli.Command)(nil)
	for _, word := range strings.Fields(path) {
		i := slices.IndexFunc(commands, func(c *cli.Command) bool { return c.Name == word })
		if i < 0 {
			t.Fatalf("there is no command %s", path)
		}
		found, commands = commands[i], commands[i].Subcommands
	}
	c := cli.NewContext(nil, flag.NewFlagSet("", flag.ContinueOnError), nil)
	c.Command = found
	return c
}

// fieldsOf are the names that REST has for the fields of a body.
func fieldsOf(of reflect.Type) (names []string) {
	for i := range of.NumField() {
		f := of.Field(i)
		if f.Anonymous {
			names = append(names, fieldsOf(f.Type)...)
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}

// TestRefusedFields: nobody has to know the contract to mend a command line.
func TestRefusedFields(t *testing.T) {
	for line, c := range map[string]struct {
		call, location, message string
		want                    string
	}{
		"repositories create web /srv/web --agent web1 --encryption repokey --source /etc": {
			"POST /api/repositories", "body.passphrase", "encryption repokey needs one: give passphrase, or passphrase_sealed",
			"--passphrase-file: encryption repokey needs one, in a FILE, or - for standard input"},
		"repositories create web srv --agent web1 --encryption none --source etc": {
			"POST /api/repositories", "body.source_directories[0]", "it must be absolute", "--source: it must be absolute"},
		"repositories create web srv --agent web1 --encryption none --source /etc": {
			"POST /api/repositories", "body.path", "it must be absolute", "PATH: it must be absolute"},
		"repositories import web /srv/web --agent wbe1 --source /etc": {
			"POST /api/repositories/import", "body.agent", `no agent "wbe1" is enrolled`,
			`--agent: no agent "wbe1" is enrolled; borgfleet-controller agents list shows what there is`},
		"notifications rules create x --event nothing --to ops": {
			"POST /api/notifications/rules", "body.events[0]", "there is no such event", "--event: there is no such event"},
	} {
		answers := map[string][]answer{
			c.call:                            {{422, rest.Problem{Status: 422, Code: "invalid_request", Detail: c.location, Errors: []rest.ProblemField{{Location: c.location, Message: c.message}}}}},
			"GET /api/agents":                 ok(rest.AgentList{Agents: []rest.Agent{{ID: "a1", Name: "web1"}}}),
			"GET /api/notifications/channels": ok(rest.ChannelList{Channels: []rest.Channel{{ID: 1, Name: "ops"}}}),
		}
		r := newFake(t, answers).command("", strings.Fields(line)...)
		if r.code != 2 || !strings.HasPrefix(r.err, "borgfleet-controller: "+c.want+"\n") {
			t.Errorf("%s: %+v", line, r)
		}
	}
	at := contextOf(t, "schedules create")
	if got, want := inOptions(at, "there is no prune that it could be for: give run_prune_after as well"), "there is no prune that it could be for: give --prune as well"; got != want {
		t.Error(got)
	}
}
