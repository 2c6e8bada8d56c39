package plan

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/controller/internal/notify/deliver"
	"borgfleet/shared/definitions"
	"borgfleet/shared/job"
	"borgfleet/shared/schedule"
)

// Described is a fleet as a file would define it.
type Described struct {
	File definitions.File
	// Left is what no file can say, and why.
	Left []string
}

// Describe is the reverse of Make: applied to the same fleet, the file changes
// nothing. What is as REST has it where nothing is said is left out.
func Describe(fleet Fleet) (Described, error) {
	d := describer{Fleet: fleet.sorted().indexed(), called: map[string][]int64{}, known: map[int64]rest.Repository{}}
	for _, part := range []func() error{d.repositories, d.schedules, d.channels, d.rules} {
		if err := part(); err != nil {
			return Described{}, fmt.Errorf("describe the fleet: %w", err)
		}
	}
	for _, u := range d.Users {
		d.out.File.Users = append(d.out.File.Users, definitions.User{Name: u.Name, Role: u.Role, Password: secretFile("users", u.Name, "password")})
	}
	return d.out, nil
}

type describer struct {
	Fleet
	out    Described
	called map[string][]int64        // what is described, by name
	known  map[int64]rest.Repository // what is described
}

func (d *describer) leave(format string, args ...any) {
	d.out.Left = append(d.out.Left, fmt.Sprintf(format, args...))
}

// as reads fields as what they are.
func as[T any](f client.Fields) (out T, err error) {
	data, err := json.Marshal(f)
	if err != nil {
		return out, err
	}
	return out, json.Unmarshal(data, &out)
}

func (d *describer) repositories() error {
	var all []rest.Repository
	for _, f := range d.Repositories {
		r, err := as[rest.Repository](f)
		if err != nil {
			return err
		}
		switch {
		case r.Status == "failed":
			d.leave("repository %s: it could not be set up; see borgfleet-controller repositories list", called(f))
		case !d.is(r.AgentID):
			d.leave("repository %s: its host was revoked", called(f))
		default:
			all = append(all, r)
		}
	}
	for _, r := range all {
		d.known[r.ID], d.called[r.Name] = r, append(d.called[r.Name], r.ID)
		d.out.File.Repositories = append(d.out.File.Repositories, d.repository(r))
	}
	return nil
}

// repository describes one. What its host opens by itself was taken over, or must be:
// no other registration goes without a passphrase, or without anything to back up.
func (d *describer) repository(r rest.Repository) definitions.Repository {
	out := definitions.Repository{
		Name: r.Name, Path: r.Path, Agent: r.Agent, Encryption: orEmpty(r.Encryption), Compression: orEmpty(r.Compression),
		SourceDirectories: orNil(r.SourceDirectories), ExcludePatterns: orNil(r.ExcludePatterns), OneFileSystem: r.OneFileSystem, ExcludeCaches: r.ExcludeCaches,
		ExcludeIfPresent: orNil(r.ExcludeIfPresent), UploadRatelimit: r.UploadRatelimit, CheckpointInterval: definitions.Seconds(r.CheckpointInterval),
		LockWait:          definitions.Seconds(unless(r.LockWait, int64(job.DefaultLockWait/time.Second))),
		FileLog:           unless(r.FileLog, string(job.FileLogNone)),
		ArchiveNameFormat: unless(r.ArchiveNameFormat, job.DefaultArchiveName),
		Hooks:             hooksOf(r.Hooks),
	}
	out.Compression = unless(out.Compression, usualCompression)
	out.MatchArchives = unless(r.MatchArchives, job.ArchivePattern(job.Repository{Name: r.Name, ArchiveNameFormat: r.ArchiveNameFormat}, r.Agent))
	out.Existing = r.Imported || out.Encryption == "" || len(r.SourceDirectories) == 0 || job.NeedsPassphrase(out.Encryption) && !r.HasPassphrase
	if r.HasPassphrase {
		out.Passphrase = secretFile("passphrases", r.Agent, r.Name)
	}
	if _, err := d.named(orEmpty(r.Maintainer)); err == nil {
		out.Maintainer = *r.Maintainer
	} else if r.Maintainer != nil {
		d.leave("maintainer of %s on %s: %s was revoked", r.Name, r.Agent, *r.Maintainer)
	}
	if k := r.Retention; k != nil {
		out.Retention = &definitions.Retention{
			KeepHourly: k.Hourly, KeepDaily: k.Daily, KeepWeekly: k.Weekly, KeepMonthly: k.Monthly, KeepQuarterly: k.Quarterly, KeepYearly: k.Yearly, KeepWithin: orEmpty(k.Within),
		}
	}
	return out
}

func hooksOf(h rest.Hooks) *definitions.Hooks {
	if len(h.Before)+len(h.After)+len(h.OnWarning)+len(h.OnFailure)+len(h.Always) == 0 {
		return nil
	}
	return &definitions.Hooks{Before: orNil(h.Before), After: orNil(h.After), OnWarning: orNil(h.OnWarning), OnFailure: orNil(h.OnFailure), Always: orNil(h.Always)}
}

func (d *describer) schedules() error {
	for _, f := range d.Schedules {
		s, err := as[rest.Schedule](f)
		if err != nil {
			return err
		}
		uses := d.references(s.RepositoryIDs)
		if len(uses) == 0 {
			d.leave("schedule %s: it has no repository that stands here", s.Name)
			continue
		}
		out := definitions.Schedule{
			Name: s.Name, CronExpression: s.CronExpression, Timezone: orEmpty(s.Timezone), Repositories: uses, Enabled: paused(s.Enabled),
			RunPruneAfter: s.RunPruneAfter, RunCompactAfter: s.RunCompactAfter, RunCheckAfter: s.RunCheckAfter,
			PruneKeepHourly: s.KeepHourly, PruneKeepDaily: s.KeepDaily, PruneKeepWeekly: s.KeepWeekly, PruneKeepMonthly: s.KeepMonthly,
			PruneKeepQuarterly: s.KeepQuarterly, PruneKeepYearly: s.KeepYearly, PruneKeepWithin: orEmpty(s.KeepWithin),
			CheckDepth: orEmpty(s.CheckDepth), CheckMaxDuration: definitions.Seconds(s.CheckMaxDuration), CheckEvery: definitions.Seconds(s.CheckEvery),
			Splay: definitions.Seconds(s.Splay), CatchUp: span(s.CatchUp, schedule.DefaultCatchUp), Overlap: unless(s.Overlap, string(schedule.OverlapSkip)),
			Retries: int(s.Retries), RetryDelay: span(s.RetryDelay, schedule.DefaultRetryDelay),
		}
		if s.PingTarget != nil {
			out.PingURL = secretFile("schedules", s.Name, "ping_url")
		}
		d.out.File.Schedules = append(d.out.File.Schedules, out)
	}
	return nil
}

// references name repositories: by a name alone where it means just these.
func (d *describer) references(ids []int64) definitions.References {
	byName := map[string][]int64{}
	for _, id := range ids {
		if r, ok := d.known[id]; ok {
			byName[r.Name] = append(byName[r.Name], id)
		}
	}
	var out definitions.References
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		if len(byName[name]) == len(d.called[name]) {
			out = append(out, definitions.Reference{Name: name})
			continue
		}
		var hosts []string
		for _, id := range byName[name] {
			hosts = append(hosts, d.known[id].Agent)
		}
		for _, host := range sorted(hosts) {
			out = append(out, definitions.Reference{Name: name, Agent: host})
		}
	}
	return out
}

func (d *describer) channels() error {
	for _, c := range d.Channels {
		set := c.Settings
		if !set.Readable {
			d.leave("channel %s: its settings cannot be opened here: they were sealed with another notify.key", c.Name)
			continue
		}
		out := definitions.Channel{
			Name: c.Name, Type: c.Type, Host: orEmpty(set.Host), TLS: unless(orEmpty(set.TLS), deliver.StartTLS), Username: orEmpty(set.Username), From: orEmpty(set.From), To: orNil(set.To),
		}
		if set.Port != nil {
			out.Port = unless(*set.Port, int64(deliver.UsualPort(orEmpty(set.TLS))))
		}
		for field, into := range map[string]**definitions.Secret{"url": &out.URL, "secret": &out.Secret, "token": &out.Token, "password": &out.Password} {
			if slices.Contains(set.Secrets, field) {
				*into = secretFile("channels", c.Name, field)
			}
		}
		d.notifications().Channels = append(d.notifications().Channels, out)
	}
	return nil
}

func (d *describer) notifications() *definitions.Notifications {
	if d.out.File.Notifications == nil {
		d.out.File.Notifications = &definitions.Notifications{}
	}
	return d.out.File.Notifications
}

func (d *describer) rules() error {
	for _, r := range d.Rules {
		out := definitions.Rule{
			Name: r.Name, Enabled: paused(r.Enabled), Events: sorted(r.Events), Kinds: sorted(r.Kinds), Labels: sorted(r.Labels), Repositories: d.references(r.Repositories),
		}
		here, revoked := d.standing(r.Agents)
		for _, id := range r.Channels {
			out.Channels = append(out.Channels, d.channelName(id))
		}
		out.Agents, out.Channels = d.names(here), sorted(out.Channels)
		if why := d.unsayable(r, out); why != "" {
			d.leave("rule %s: %s", r.Name, why)
			continue
		}
		for _, name := range d.names(revoked) {
			d.leave("host of rule %s: %s was revoked", r.Name, name)
		}
		d.notifications().Rules = append(d.notifications().Rules, out)
	}
	return nil
}

// unsayable says why a rule is left out whole. Without what it is about it would be
// about everything, and a channel that nobody defines is refused with all of the file,
// as are events that no rule may name together any more.
func (d *describer) unsayable(r rest.Rule, out definitions.Rule) string {
	if len(r.Repositories) > 0 && len(out.Repositories) == 0 || len(r.Agents) > 0 && len(out.Agents) == 0 {
		return "what it is about does not stand here"
	}
	for _, name := range out.Channels {
		if !slices.ContainsFunc(d.out.File.Channels(), func(c definitions.Channel) bool { return c.Name == name }) {
			return "its channel " + name + " does not stand here"
		}
	}
	return definitions.WrongTogether(r.Events)
}

// unless is nothing for what is so anyway.
func unless[T comparable](v, usual T) (out T) {
	if v == usual {
		return out
	}
	return v
}

func span(seconds int64, usual time.Duration) *definitions.Seconds {
	if s := definitions.Seconds(seconds); s.Span() != usual {
		return &s
	}
	return nil
}

// paused says so of what does not run; nothing of what does.
func paused(enabled bool) *bool {
	if enabled {
		return nil
	}
	return &enabled
}

// orEmpty is nothing for nothing.
func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// orNil is nothing for an empty list, as what is read has it.
func orNil(all []string) []string {
	if len(all) == 0 {
		return nil
	}
	return all
}
