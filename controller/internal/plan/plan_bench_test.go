package plan

import (
	"fmt"
	"testing"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/shared/definitions"
)

// BenchmarkMake: a schedule and a rule that name the repositories of all hosts but one,
// in a file of their own: each is looked up in the fleet.
func BenchmarkMake(b *testing.B) {
	for _, hosts := range []int{1000, 10000} {
		b.Run(fmt.Sprint(hosts), func(b *testing.B) {
			fleet, file := manyHosts(b, hosts)
			for b.Loop() {
				p, err := Make(file, fleet)
				if err != nil || p.Some() || len(p.Changes) != 2 {
					b.Fatalf("%v, %s", err, outline(p))
				}
			}
		})
	}
}

// BenchmarkMakeMany: what an export of many hosts says, with a schedule for each.
func BenchmarkMakeMany(b *testing.B) {
	fleet, _ := manyHosts(b, 10000)
	fleet.Rules, fleet.Schedules = nil, nil
	for i := range fleet.Repositories {
		s := usualSchedule(int64(i + 1))
		s.Name = fmt.Sprint("schedule ", i)
		fleet.Schedules = append(fleet.Schedules, fielded(s))
	}
	d, err := Describe(fleet)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		p, err := Make(d.File, fleet)
		if err != nil || p.Some() || len(p.Changes) != 20001 {
			b.Fatalf("%v, %d", err, len(p.Changes))
		}
	}
}

// manyHosts have a repository of the same name each, and a file is for all but one.
func manyHosts(b *testing.B, hosts int) (Fleet, definitions.File) {
	b.Helper()
	var f Fleet
	var ids []int64
	for i := range hosts {
		id, name := fmt.Sprintf("id-%d", i), fmt.Sprintf("host%d", i)
		f.Agents = append(f.Agents, rest.Agent{ID: id, Name: name})
		f.Repositories = append(f.Repositories, fielded(usual(int64(i+1), name, id, "data", "/srv/"+name)))
		ids = append(ids, int64(i+1))
	}
	f.Schedules = []client.Fields{fielded(usualSchedule(ids[1:]...))}
	f.Channels = []Channel{{rest.Channel{ID: 1, Name: "ops", Type: "ntfy"}, rest.ChannelSettings{Readable: true, Secrets: []string{"url"}}}}
	f.Rules = []rest.Rule{{ID: 1, Name: "trouble", Enabled: true, Events: []string{"failure"}, Repositories: ids[1:], Channels: []int64{1}}}
	d, err := Describe(f)
	if err != nil {
		b.Fatal(err)
	}
	d.File.Repositories, d.File.Notifications.Channels = nil, nil
	return f, d.File
}
