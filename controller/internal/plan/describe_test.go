package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/controller/internal/notify"
	"borgfleet/controller/internal/notify/deliver"
	"borgfleet/shared/definitions"
	"borgfleet/shared/job"
)

// names are such that YAML could take them for something else, or lose a part. REST
// takes what can be printed, and less of most.
func names() *rapid.Generator[string] {
	odd := []string{
		"yes", "no", "on", "null", "~", "1e3", "0x1f", "0o7", "1_000", ".inf", "2026-11-26", "12:30:45", "true", "=", "<<", "a: b", "a #b", "# a", "- a", "? a", "'", "\"", "'a'", "&a", "*a", "!a", "|", ">", "%a", "@a", "`a",
		"[a]", "a, b", "ä", "日本", "e\u0301", "\u00a0", "\u2028", "\ue000", "  a", "a  ", "👍", "...", "---", "--- a", "a\\", "C:\\n",
	}
	return rapid.OneOf(rapid.SampledFrom(odd), rapid.StringN(1, 12, 40)).Filter(func(s string) bool {
		return strings.TrimSpace(s) != "" && !strings.ContainsAny(s, "{}") &&
			!strings.ContainsFunc(s, func(c rune) bool { return !unicode.IsGraphic(c) && !unicode.Is(unicode.Co, c) })
	})
}

func maybe[T any](t *rapid.T, g *rapid.Generator[T], name string) *T {
	return rapid.Ptr(g, true).Draw(t, name)
}

// distinct draws names of which no two are the same.
func distinct(t *rapid.T, least, most int, what string) []string {
	of := names()
	if what != "hosts" && what != "users" { // which have rules of their own
		of = of.Filter(func(s string) bool { return job.CheckName(s) == nil })
	}
	return rapid.SliceOfNDistinct(of, least, most, rapid.ID[string]).Draw(t, what)
}

func some[T any](t *rapid.T, all []T, least int, what string) []T {
	if len(all) == 0 {
		return nil
	}
	out := rapid.Permutation(all).Draw(t, what)
	return out[:rapid.IntRange(min(least, len(all)), len(all)).Draw(t, "number of "+what)]
}

func texts(t *rapid.T, what string) []string {
	return append([]string{}, rapid.SliceOfN(names(), 0, 3).Draw(t, what)...)
}

func below(root string) *rapid.Generator[string] {
	return rapid.Map(names(), func(s string) string { return root + "x" + strings.ReplaceAll(s, "/", "_") })
}

func amount(t *rapid.T, what string) int64 { return rapid.Int64Range(0, 3).Draw(t, what) * 7 }

// anyFleet draws one with everything in it that REST can tell.
func anyFleet(t *rapid.T) Fleet {
	var f Fleet
	for i, name := range distinct(t, 1, 4, "hosts") {
		f.Agents = append(f.Agents, rest.Agent{ID: fmt.Sprintf("id-%d", i), Name: name, Revoked: i > 0 && rapid.Bool().Draw(t, "revoked")})
	}
	var repositories, counting []int64
	pool := distinct(t, 1, 3, "repositories") // of all hosts: a name alone can mean several
	for _, a := range f.Agents {
		for _, name := range some(t, pool, 0, "of them") {
			r := anyRepository(t, a, name, int64(len(f.Repositories)+1))
			if m := f.Agents[rapid.IntRange(0, len(f.Agents)-1).Draw(t, "maintainer")]; m.ID != a.ID && rapid.Bool().Draw(t, "maintained") {
				r.Maintainer = &m.Name
			}
			f.Repositories = append(f.Repositories, fielded(r))
			repositories = append(repositories, r.ID)
			if r.Status != "failed" && !a.Revoked {
				counting = append(counting, r.ID)
			}
		}
	}
	for i, name := range distinct(t, 0, 3, "schedules") {
		f.Schedules = append(f.Schedules, fielded(anySchedule(t, name, int64(i+1), some(t, repositories, 1, "scheduled"))))
	}
	for i, name := range distinct(t, 0, 4, "channels") {
		f.Channels = append(f.Channels, anyChannel(t, name, int64(i+1)))
	}
	var ids []string
	for _, a := range f.Agents {
		ids = append(ids, a.ID)
	}
	if len(f.Channels) > 0 {
		for i, name := range distinct(t, 0, 3, "rules") {
			r := rest.Rule{
				ID: int64(i + 1), Name: name, Enabled: rapid.Bool().Draw(t, "enabled"), Events: some(t, definitions.Events(), 1, "events"), Kinds: some(t, []string{"backup", "prune"}, 0, "kinds"),
				Agents: some(t, append(ids, "id-gone"), 0, "agents"), Labels: some(t, []string{"role=web", "a=", "b=yes"}, 0, "labels"), Repositories: some(t, append(slices.Clone(counting), 99), 0, "repositories of a rule"),
			}
			for _, c := range some(t, f.Channels, 1, "channels of a rule") {
				r.Channels = append(r.Channels, c.ID)
			}
			f.Rules = append(f.Rules, r)
		}
	}
	f.Users = []rest.User{{Name: "the admin", Role: "admin"}}
	for _, name := range distinct(t, 0, 3, "users") {
		if name != "the admin" {
			f.Users = append(f.Users, rest.User{Name: name, Role: rapid.SampledFrom(definitions.Roles()).Draw(t, "role")})
		}
	}
	return f
}

func anyRepository(t *rapid.T, a rest.Agent, name string, id int64) rest.Repository {
	r := rest.Repository{
		ID: id, Name: name, Agent: a.Name, AgentID: a.ID, Path: fmt.Sprintf("/srv/%d/x%s", id, strings.ReplaceAll(name, "/", "_")),
		Status: rapid.SampledFrom([]string{"ready", "ready", "pending", "failed"}).Draw(t, "status"), Imported: rapid.Bool().Draw(t, "imported"),
		Encryption: maybe(t, rapid.SampledFrom([]string{"none", "repokey", "keyfile-blake2"}), "encryption"), HasPassphrase: rapid.Bool().Draw(t, "passphrase"),
		Compression:       maybe(t, rapid.SampledFrom([]string{"lz4", "zstd,3"}), "compression"),
		SourceDirectories: rapid.SliceOfN(below("/home/"), 0, 3).Draw(t, "sources"), ExcludePatterns: texts(t, "excludes"), ExcludeIfPresent: texts(t, "tags"),
		OneFileSystem: rapid.Bool().Draw(t, "one file system"), ExcludeCaches: rapid.Bool().Draw(t, "exclude caches"),
		UploadRatelimit: amount(t, "rate"), CheckpointInterval: amount(t, "checkpoint"), LockWait: rapid.SampledFrom([]int64{600, 60, 3600, 61}).Draw(t, "lock wait"),
		FileLog: rapid.SampledFrom([]string{"none", "all"}).Draw(t, "file log"), ArchiveNameFormat: rapid.SampledFrom([]string{job.DefaultArchiveName, "{agent}-{now}", "x-{job}"}).Draw(t, "format"),
	}
	if r.Encryption != nil && *r.Encryption == "none" {
		r.HasPassphrase = false
	}
	own := job.ArchivePattern(job.Repository{Name: name, ArchiveNameFormat: r.ArchiveNameFormat}, a.Name)
	r.MatchArchives = rapid.SampledFrom([]string{own, "*", "yes"}).Draw(t, "match")
	if rapid.Bool().Draw(t, "retention") {
		r.Retention = &rest.Retention{Daily: 1 + amount(t, "daily"), Yearly: amount(t, "yearly"), Within: maybe(t, rapid.Just("2d"), "within")}
	}
	if rapid.Bool().Draw(t, "hooks") {
		r.Hooks = rest.Hooks{Before: []string{"a"}, OnFailure: []string{"yes", "b.sh"}}
	}
	return r
}

func anySchedule(t *rapid.T, name string, id int64, at []int64) rest.Schedule {
	s := rest.Schedule{
		ID: id, Name: name, CronExpression: rapid.SampledFrom([]string{"30 2 * * *", "@daily", "*/5 * * * *"}).Draw(t, "cron"), Timezone: maybe(t, rapid.Just("Europe/Berlin"), "zone"),
		RepositoryIDs: at, Enabled: rapid.Bool().Draw(t, "enabled"), RunCompactAfter: rapid.Bool().Draw(t, "compact"), Splay: amount(t, "splay"),
		CatchUp: rapid.SampledFrom([]int64{86400, 0, 7200}).Draw(t, "catch up"), Overlap: rapid.SampledFrom([]string{"skip", "queue"}).Draw(t, "overlap"),
		Retries: amount(t, "retries") / 7, RetryDelay: rapid.SampledFrom([]int64{300, 60}).Draw(t, "delay"), PingTarget: maybe(t, rapid.Just("https://x/…"), "ping"),
	}
	if s.RunPruneAfter = rapid.Bool().Draw(t, "prune"); s.RunPruneAfter {
		s.KeepDaily, s.KeepWithin = amount(t, "daily"), maybe(t, rapid.Just("3w"), "within")
	}
	if s.RunCheckAfter = rapid.Bool().Draw(t, "check"); s.RunCheckAfter {
		s.CheckDepth, s.CheckEvery = maybe(t, rapid.Just("archives"), "depth"), amount(t, "every")*86400
	}
	return s
}

func anyChannel(t *rapid.T, name string, id int64) Channel {
	c := Channel{Channel: rest.Channel{ID: id, Name: name, Type: rapid.SampledFrom(deliver.Types()).Draw(t, "type")}}
	c.Settings.Readable = rapid.IntRange(0, 5).Draw(t, "readable") > 0
	c.Settings.Secrets = map[string][]string{deliver.Webhook: {"secret", "url"}, deliver.Ntfy: {"token", "url"}, deliver.Shoutrrr: {"url"}}[c.Type]
	if c.Type != deliver.Mail {
		return c
	}
	host, tls, from := names().Draw(t, "host"), rapid.SampledFrom(deliver.TLSModes()).Draw(t, "tls"), names().Draw(t, "from")
	port := rapid.SampledFrom([]int64{25, 465, 587, 2525}).Draw(t, "port")
	c.Settings.Host, c.Settings.TLS, c.Settings.From, c.Settings.Port, c.Settings.To = &host, &tls, &from, &port, append(texts(t, "to"), "x@y.z")
	if user := names().Draw(t, "user"); tls != deliver.NoTLS {
		c.Settings.Username, c.Settings.Secrets = &user, []string{"password"}
	}
	return c
}

// fielded is a body as a client hears it.
func fielded(body any) client.Fields {
	f, err := as[client.Fields](client.Fields{"x": body})
	if err != nil {
		panic(err)
	}
	return client.Fields(f["x"].(map[string]any))
}

// written is what Describe says of a fleet, through a file.
func written(t interface{ Fatalf(string, ...any) }, f Fleet) (Described, definitions.File, string) {
	d, err := Describe(f)
	if err != nil {
		t.Fatalf("%v", err)
	}
	text, err := d.File.YAML()
	if err != nil {
		t.Fatalf("%v", err)
	}
	read, err := definitions.Parse(text)
	if err != nil {
		t.Fatalf("it cannot be read: %v\n%s", err, text)
	}
	return d, read, string(text)
}

// TestDescribedFleetNeedsNothing: whatever a fleet has, what is written down of it and
// read again changes nothing; and it is written the same way each time.
func TestDescribedFleetNeedsNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fleet := anyFleet(t)
		d, read, text := written(t, fleet)
		p, err := Make(read, fleet)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if p.Some() || len(p.Idle)+len(p.Unmatched) > 0 {
			t.Fatalf("%s\n\n%s", outline(p), text)
		}
		// Each thing is written down, or its absence is.
		left := 0
		for _, line := range d.Left {
			if !strings.HasPrefix(line, "maintainer of ") && !strings.HasPrefix(line, "host of rule ") {
				left++
			}
		}
		all := len(fleet.Repositories) + len(fleet.Schedules) + len(fleet.Channels) + len(fleet.Rules) + len(fleet.Users)
		if said := len(p.Changes); said+left != all {
			t.Fatalf("%d are written, %d left out, of %d\n%s", said, left, all, text)
		}
		shuffled := fleet
		shuffled.Repositories = rapid.Permutation(fleet.Repositories).Draw(t, "repositories")
		shuffled.Schedules = rapid.Permutation(fleet.Schedules).Draw(t, "schedules")
		shuffled.Channels = rapid.Permutation(fleet.Channels).Draw(t, "channels")
		shuffled.Rules = rapid.Permutation(fleet.Rules).Draw(t, "rules")
		shuffled.Users = rapid.Permutation(fleet.Users).Draw(t, "users")
		if _, _, again := written(t, shuffled); again != text {
			t.Fatalf("in another order it is\n%s\nand not\n%s", again, text)
		}
	})
}

// elsewhere are the hosts of a fleet that enrolled with another controller: with ids of
// their own, and none that was revoked here.
func (f Fleet) elsewhere() []rest.Agent {
	var out []rest.Agent
	for _, a := range f.indexed().hosts() {
		out = append(out, rest.Agent{ID: "new " + a.ID, Name: a.Name, Labels: a.Labels})
	}
	return out
}

// TestDescribedFleetIsMadeAnew: what would be sent to a controller that has the hosts
// and nothing else is what there was, with REST's defaults for what is not sent.
func TestDescribedFleetIsMadeAnew(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fleet := anyFleet(t)
		_, read, text := written(t, fleet)
		made := Fleet{Agents: fleet.elsewhere(), Users: fleet.Users}
		p, err := Make(read, Fleet{Agents: made.Agents})
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		for i, c := range p.Changes {
			if c.Action != Create && c.Action != TakeOver && c.What != "maintainer" {
				t.Fatalf("%+v", c)
			}
			id := int64(i + 1)
			if err := c.Resolve(func(u Use) int64 { return made.madeAs(u) }); err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			switch c.What {
			case "repository":
				made.Repositories = append(made.Repositories, registeredAs(c, id))
			case "maintainer":
				for _, r := range made.Repositories {
					if r["agent"] == c.Agent && r["name"] == c.Name {
						r["maintainer"] = c.Fields["maintainer"]
					}
				}
			case "schedule":
				made.Schedules = append(made.Schedules, scheduledAs(c, id))
			case "channel":
				made.Channels = append(made.Channels, channelAs(c, id))
			case "rule":
				r, err := as[rest.Rule](c.Fields)
				if err != nil {
					t.Fatalf("%v", err)
				}
				if r.ID = id; c.Fields["enabled"] == nil {
					r.Enabled = true
				}
				made.Rules = append(made.Rules, r)
			}
		}
		d, _, again := written(t, made)
		if again != text {
			t.Fatalf("it becomes\n%s\nand not\n%s", again, text)
		}
		// Not by what is written alone: what is forgotten there is missing in both.
		was, is := essence(fleet.indexed(), d.File), essence(made.indexed(), d.File)
		if len(was) != len(is) {
			t.Fatalf("%d become %d\n%s", len(was), len(is), text)
		}
		for what, before := range was {
			if is[what] != before {
				t.Fatalf("%s: it becomes\n%s\nand not\n%s\n%s", what, is[what], before, text)
			}
		}
	})
}

// essence is what a person wants to have of what a file defines, with names for ids.
func essence(f Fleet, file definitions.File) map[string]string {
	out := map[string]string{}
	repositories := map[int64]string{}
	for _, r := range f.Repositories {
		if !f.counts(r) {
			continue
		}
		repositories[number(r["id"])] = called(r)
		e := maps.Clone(r)
		if e["compression"] == nil {
			e["compression"] = usualCompression
		}
		if _, err := definitions.Named(f.hosts())(word(e["maintainer"])); err != nil {
			e["maintainer"] = nil
		}
		// A repository whose passphrase is on its host can only be taken over.
		mode := word(e["encryption"])
		e["imported"] = e["imported"] == true || mode == "" || plain(e["source_directories"]) == nil || job.NeedsPassphrase(mode) && e["has_passphrase"] != true
		out["repository "+called(r)] = essential(e, "id", "status", "agent_id")
	}
	for _, def := range file.Schedules {
		for _, s := range f.Schedules {
			if s["name"] == def.Name {
				e := maps.Clone(s)
				e["repository_ids"] = f.ofThese(repositories, items(s["repository_ids"]))
				out["schedule "+def.Name] = essential(e, "id")
			}
		}
	}
	for _, c := range f.Channels {
		if !c.Settings.Readable {
			continue // nobody can say what it is
		}
		out["channel "+c.Name] = essential(fielded(struct {
			Type     string
			Settings rest.ChannelSettings
		}{c.Type, c.Settings}))
	}
	for _, def := range file.Rules() {
		for _, r := range f.Rules {
			if r.Name != def.Name {
				continue
			}
			e := fielded(r)
			e["repositories"], e["agents"] = f.ofThese(repositories, items(e["repositories"])), f.names(f.there(r.Agents))
			var channels []string
			for _, id := range r.Channels {
				channels = append(channels, f.channelName(id))
			}
			e["channels"] = sorted(channels)
			for _, list := range []string{"events", "kinds", "labels"} {
				var all []string
				for _, v := range items(e[list]) {
					all = append(all, v.(string))
				}
				e[list] = sorted(all)
			}
			out["rule "+def.Name] = essential(e, "id")
		}
	}
	return out
}

func (f Fleet) ofThese(names map[int64]string, ids []any) []string {
	var out []string
	for _, id := range ids {
		if name := names[number(id)]; name != "" {
			out = append(out, name)
		}
	}
	return sorted(out)
}

// essential is all that says something.
func essential(f client.Fields, but ...string) string {
	e := client.Fields{}
	for field, v := range f {
		if !slices.Contains(but, field) && v != false && plain(v) != nil {
			e[field] = plain(v)
		}
	}
	return text(e)
}

// TestRulesLeaveOutWhatElsewhereIsNot: a single name that another controller does not
// have has it refuse all of the file.
func TestRulesLeaveOutWhatElsewhereIsNot(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*Fleet)
		agents []string // of the rule; nil: it is left out
		left   []string
	}{
		"a revoked host":               {func(f *Fleet) { f.Rules[0].Agents = []string{"a3", "a1"} }, []string{"web1"}, []string{"host of rule trouble: gone was revoked"}},
		"a host that's gone":           {func(f *Fleet) { f.Rules[0].Agents = []string{"a9", "a1"} }, []string{"web1"}, nil},
		"revoked ones only":            {func(f *Fleet) { f.Rules[0].Agents = []string{"a3", "a9"} }, nil, []string{"rule trouble: what it is about does not stand here"}},
		"repositories of revoked ones": {func(f *Fleet) { f.Rules[0].Repositories = []int64{3, 99} }, nil, []string{"rule trouble: what it is about does not stand here"}},
		"a channel nobody can open": {func(f *Fleet) { f.Channels[1].Settings = rest.ChannelSettings{} }, nil,
			[]string{"channel mail: its settings cannot be opened here: they were sealed with another notify.key", "rule trouble: its channel mail does not stand here"}},
		"a maintainer": {func(f *Fleet) { f.Repositories[0]["maintainer"] = "gone" }, []string{"web1"}, []string{"maintainer of web on web1: gone was revoked"}},
	} {
		fleet := peopled(t)
		fleet.Channels = fleet.Channels[:2]
		tt.change(&fleet)
		d, read, text := written(t, fleet)
		left := append([]string{"repository web on gone: its host was revoked"}, tt.left...)
		if rules := read.Rules(); !slices.Equal(d.Left, left) || len(rules) != min(1, len(tt.agents)) || len(rules) > 0 && !slices.Equal(rules[0].Agents, tt.agents) {
			t.Errorf("%s: left out %q, want %q, of\n%s", name, d.Left, left, text)
		}
		if p, err := Make(read, fleet); err != nil || p.Some() {
			t.Errorf("%s: here: %v\n%s", name, err, outline(p))
		}
		if _, err := Make(read, Fleet{Agents: fleet.elsewhere()}); err != nil {
			t.Errorf("%s: elsewhere: %v", name, err)
		}
	}
}

// TestFileNames: each secret has a file of its own, whatever its name, and none of them
// is elsewhere.
func TestFileNames(t *testing.T) {
	want := map[string]string{
		"ops": "channels/ops/url", "a_b": "channels/a_b/url", "a b": "channels/a_b-c8687a08aa5d6ed2/url", "a:b": "channels/a_b-6783a31eabf68ccc/url", "a_b-c8687a08aa5d6ed2": "channels/a_b-c8687a08aa5d6ed2-b6200a9cee17044c/url",
		".": "channels/_-cdb4ee2aea69cc6a/url", "..": "channels/_.-5ec1f7e700f37c3d/url", "_.": "channels/_./url", "a-c8687a08aa5d6ed": "channels/a-c8687a08aa5d6ed/url", "é": "channels/_-4a99557e4033c353/url",
	}
	if files := urlFiles(t, slices.Sorted(maps.Keys(want))); !maps.Equal(files, want) {
		t.Errorf("%q", files)
	}
}

// TestFileNamesStay: the file of a secret is the same whatever else is there. Were it
// not, it would hold another one's, which apply then gives away.
func TestFileNamesStay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := distinct(t, 1, 6, "channels")
		if rapid.Bool().Draw(t, "as if it were hashed") {
			if as := fileName(all[0]); !slices.Contains(all, as) {
				all = append(all, as)
			}
		}
		files := urlFiles(t, all)
		taken := map[string]string{}
		for name, file := range files {
			if other, twice := taken[file]; twice {
				t.Fatalf("%q and %q both have %s", name, other, file)
			}
			if taken[file] = name; urlFiles(t, []string{name})[name] != file {
				t.Fatalf("%q alone has another file than %s", name, file)
			}
		}
	})
}

// urlFiles are those that channels of these names have.
func urlFiles(t interface{ Fatalf(string, ...any) }, names []string) map[string]string {
	fleet := Fleet{}
	for i, name := range names {
		fleet.Channels = append(fleet.Channels, Channel{rest.Channel{ID: int64(i + 1), Name: name, Type: "ntfy"}, rest.ChannelSettings{Readable: true, Secrets: []string{"url"}}})
	}
	d, err := Describe(fleet)
	if err != nil {
		t.Fatalf("%v", err)
	}
	files := map[string]string{}
	for _, c := range d.File.Channels() {
		files[c.Name] = c.URL.File
	}
	return files
}

func (f Fleet) madeAs(u Use) int64 {
	for _, r := range f.Repositories {
		if r["agent_id"] == u.Agent && r["path"] == u.Path {
			return number(r["id"])
		}
	}
	for _, c := range f.Channels {
		if c.Name == u.Name {
			return c.ID
		}
	}
	return 0
}

func with(defaults, sent client.Fields) client.Fields {
	out := maps.Clone(defaults)
	maps.Copy(out, sent)
	return fielded(out)
}

func registeredAs(c Change, id int64) client.Fields {
	format := job.DefaultArchiveName
	if f := word(c.Fields["archive_name_format"]); f != "" {
		format = f
	}
	own := maps.Clone(c.Fields)
	delete(own, "agent") // REST takes an id there, and tells the name
	return with(client.Fields{
		"id": id, "agent": c.Agent, "agent_id": c.Host.ID, "status": "ready", "imported": c.Action == TakeOver, "has_passphrase": seals(c), "lock_wait": 600, "file_log": "none",
		"archive_name_format": format, "match_archives": job.ArchivePattern(job.Repository{Name: c.Name, ArchiveNameFormat: format}, c.Agent),
	}, own)
}

func seals(c Change) bool { return c.Repository.Passphrase != nil }

func scheduledAs(c Change, id int64) client.Fields {
	f := with(client.Fields{"id": id, "enabled": true, "catch_up": 86400, "overlap": "skip", "retry_delay": 300}, c.Fields)
	if c.Secrets["ping_url"].File != "" {
		f["ping_target"] = "https://x/…"
	}
	return f
}

func channelAs(c Change, id int64) Channel {
	set, err := as[rest.ChannelSettings](c.Fields)
	if err != nil {
		panic(err)
	}
	set.Readable, set.Secrets = true, slices.Sorted(maps.Keys(c.Secrets))
	return Channel{rest.Channel{ID: id, Name: c.Name, Type: word(c.Fields["type"])}, set}
}

// TestWordsAreTheControllers: what a file may say is what REST takes.
func TestWordsAreTheControllers(t *testing.T) {
	var events []string
	for _, k := range notify.Kinds() {
		events = append(events, string(k))
	}
	for what, both := range map[string][2][]string{
		"events": {definitions.Events(), events}, "types": {definitions.ChannelTypes(), deliver.Types()}, "tls": {definitions.TLSModes(), deliver.TLSModes()},
	} {
		if !slices.Equal(both[0], both[1]) {
			t.Errorf("%s: %q here, %q there", what, both[0], both[1])
		}
	}
}
