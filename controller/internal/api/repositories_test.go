package api_test

import (
	"encoding/base64"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/fleet"
	"borgfleet/shared/job"
)

// fields is a good repository with some fields changed; a nil value leaves the
// field out.
func fields(change map[string]any) string {
	body := map[string]any{
		"name": "my-repo", "path": "/local/backups/my-repo", "encryption": "repokey-blake2", "source_directories": []string{"/etc"},
	}
	for name, v := range change {
		if body[name] = v; v == nil {
			delete(body, name)
		}
	}
	_, told := change["passphrase"]
	_, sealed := change["passphrase_sealed"]
	if body["encryption"] != "none" && !told && !sealed {
		body["passphrase"] = "correct horse"
	}
	data, _ := json.Marshal(body)
	return string(data)
}

func TestCreateRepository(t *testing.T) {
	e := setup(t)
	a := e.post("/api/repositories", fields(map[string]any{
		"agent": "web-1", "passphrase": "geheim ü", "compression": "auto,zstd,19", "source_directories": []string{"/", "/home/ä b"},
		"exclude_patterns": []string{"*.tmp", "re:^/x", "sh:**/cache"}, "one_file_system": true, "exclude_caches": true,
		"exclude_if_present": []string{".nobackup"}, "upload_ratelimit": 1000, "checkpoint_interval": "10m", "lock_wait": 30,
		"file_log": "changed", "archive_name_format": "{repository}_{utcnow}",
	})).is(201)
	want := fleet.RepositoryRequest{Agent: "web-1", Passphrase: "geheim ü", By: "the admin", Definition: job.Repository{
		Name: "my-repo", Path: "/local/backups/my-repo", Encryption: "repokey-blake2", Compression: "auto,zstd,19",
		Sources: []string{"/", "/home/ä b"}, ExcludePatterns: []string{"*.tmp", "re:^/x", "sh:**/cache"}, OneFileSystem: true, ExcludeCaches: true,
		ExcludeIfPresent: []string{".nobackup"}, UploadRateLimit: 1000, CheckpointInterval: 10 * time.Minute, LockWait: 30 * time.Second,
		FileLog: job.FileLogChanged, ArchiveNameFormat: "{repository}_{utcnow}",
	}}
	if !reflect.DeepEqual(e.fleet.repository, want) {
		t.Errorf("asked for %+v", e.fleet.repository)
	}
	if a.header.Get("Location") != "/api/repositories/7" {
		t.Errorf("Location is %q", a.header.Get("Location"))
	}
	var got rest.Repository
	a.into(&got)
	if !got.HasPassphrase || got.LockWait != 30 || got.CheckpointInterval != 600 || got.Agent != "web-1" || got.AgentID != "a-1" {
		t.Errorf("got %+v", got)
	}
	for _, body := range []string{string(a.body), string(e.get("/api/repositories").is(200).body), string(e.get("/api/repositories/7").is(200).body), e.log.String()} {
		if strings.Contains(body, "geheim") {
			t.Errorf("the passphrase is told: %s", body)
		}
	}
	e.get("/api/repositories/8").is(404)
}

func TestRepositoryDefaults(t *testing.T) {
	e := setup(t)
	var got rest.Repository
	e.post("/api/repositories", fields(map[string]any{"agent": json.RawMessage("null"), "encryption": "none"})).is(201).into(&got)
	if got.HasPassphrase || got.LockWait != 600 || got.FileLog != "none" || got.ArchiveNameFormat != job.DefaultArchiveName || got.Compression != nil {
		t.Errorf("got %+v", got)
	}
	if d := e.fleet.repository.Definition; d.LockWait != 0 || d.ArchiveNameFormat != "" || d.ExcludePatterns != nil {
		t.Errorf("the definition has %+v", d)
	}
}

func TestInitThatFails(t *testing.T) {
	e := setup(t)
	e.fleet.err = &fault.Error{Kind: fault.Invalid, Code: "init_failed", Message: "the repository was not registered: no space left",
		Fields: []fault.Field{{Location: "body.path", Message: "no space left"}}}
	p := e.post("/api/repositories", fields(nil)).is(422).problem()
	if p.Code != "init_failed" || !strings.Contains(p.Detail, "no space left") {
		t.Errorf("problem is %+v", p)
	}
}

func TestGoodRepositoryValues(t *testing.T) {
	age := base64.StdEncoding.EncodeToString([]byte("age-encryption.org/v1\n-> X25519 x\n"))
	good := map[string][]any{
		"path": {"/", "/a", "/mit Leerzeichen/ü", "ssh://borg@backup.example.org:2222/./repo", "ssh://host/~/repo", "ssh://u@[2001:db8:0:0:0:0:0:1]:22/r", "ssh://10.0.0.1/r"},
		"compression": {"none", "lz4", "zstd", "zstd,1", "zstd,22", "zlib,0", "zlib,9", "lzma,6", "auto,lz4", "auto,lzma,9",
			"obfuscate,3,none", "obfuscate,110,auto,zstd,5", "obfuscate,250,zlib"},
		"encryption":          {"none", "authenticated", "authenticated-blake2", "repokey", "repokey-blake2", "keyfile", "keyfile-blake2"},
		"exclude_patterns":    {[]string{}, []string{"fm:*", "C:\\x", "pp:/a", "pf:/b"}, nil},
		"lock_wait":           {0, 86400, "24h", nil},
		"checkpoint_interval": {0, 604800, "168h"},
		"passphrase_sealed":   {age},
		"archive_name_format": {"{now}", "x-{job}", "{agent}{repository}{utcnow}"},
		"retention":           {nil, map[string]any{"keep_daily": 7, "keep_yearly": 0}, map[string]any{"keep_within": "30d"}, map[string]any{"keep_hourly": 100_000, "keep_within": nil}},
		"name":                {"a", "Büro 1", strings.Repeat("n", 64), "0x1"},
		"hooks": {nil, map[string]any{}, map[string]any{"before": nil}, hooks("before", "a", "b.sh"), hooks("always", "x_1-2", strings.Repeat("x", 64)),
			map[string]any{"before": []string{"a"}, "after": []string{"a"}, "on_failure": []string{"a"}, "on_warning": []string{"a"}, "always": []string{"a"}}},
	}
	e := setup(t)
	for name, values := range good {
		for _, v := range values {
			if a := e.post("/api/repositories", fields(map[string]any{name: v})); a.status != 201 {
				t.Errorf("%s %v: %s", name, v, a.body)
			}
		}
	}
}

func hooks(at string, names ...string) map[string]any { return map[string]any{at: names} }

func TestBadRepositoryValues(t *testing.T) {
	bad := map[string][]any{
		"name": {nil, "", 7, "-a", "a/b", "{now}", "a::b", "12", "-12", " a", "a\n", "a\x00", strings.Repeat("n", 65), "\u202egnp"},
		"path": {nil, "", "rel", "-/a", "/a\nb", "/a\x00", "/a::b", "/a{now}", "user@host:repo", "file:///a", "http://a/b", "ssh://", "ssh://host",
			"ssh://host/", "ssh:///a", "ssh://-oProxyCommand=x/a", "ssh://-u@h/a", "ssh://u:pw@h/a", "ssh://h:0/a", "ssh://h:x/a", "ssh://h:/a",
			"ssh://u@/a", "ssh://@h/a", "ssh://h h/a", "ssh://a@b@c/r", "ssh://[::1/a", "ssh://[]/a", "ssh://h$(x)/a", "/" + strings.Repeat("a", 4096)},
		"encryption": {nil, "", "aes", "Repokey", 1},
		"compression": {"", "gzip", "lz4,1", "zstd,0", "zstd,23", "zstd,", "zlib,10", "lzma,-1", "auto", "auto,", "auto,auto,lz4", "obfuscate",
			"obfuscate,3", "obfuscate,7,lz4", "obfuscate,3,obfuscate,3,lz4", "zstd,3,4", "zstd, 3", "zstd,+3", "--help"},
		"source_directories": {nil, []string{}, "/etc", []any{1}, []any{nil}, []string{""}, []string{"etc"}, []string{"/etc/"}, []string{"/a/../b"},
			[]string{"/a//b"}, []string{"/a/./b"}, []string{"/a\n"}, []string{"-/x"}, []string{"/a", "/a"}},
		"exclude_patterns":    {"*.tmp", []string{""}, []string{"-x"}, []string{"xx:a"}, []string{"a\nb"}, map[string]string{}},
		"exclude_if_present":  {[]string{"a/b"}, []string{".."}, []string{""}},
		"one_file_system":     {1, "true"},
		"exclude_caches":      {"no"},
		"upload_ratelimit":    {-1, 1.5, "1", 1 << 40},
		"checkpoint_interval": {-1, 604801, "x", "1.5s", true},
		"lock_wait":           {-1, 86401, []int{1}},
		"file_log":            {"", "some", true},
		"archive_name_format": {"", "x", "{agent}", "{now}{x}", "{now", "now}", "a/{now}", "a b{now}", "{now}::x", "-{now}", "{now}*", "{{now}}", "{now}.checkpoint"},
		"passphrase":          {"", 1, "a\nb", "a\x00", strings.Repeat("p", 1025)},
		"passphrase_sealed":   {"", "%%%", base64.StdEncoding.EncodeToString([]byte("geheim"))},
		"agent":               {"", " ", 1},
		"repository_type":     {"ssh", "sftp", "", 1},
		"match_archives":      {"", "-x", "{now}", "a/b", 1},
		"retention": {[]int{}, 7, "7d", map[string]any{}, map[string]any{"keep_daily": 0}, map[string]any{"keep_within": nil}, map[string]any{"keep_daily": -1},
			map[string]any{"keep_daily": "7"}, map[string]any{"keep_daily": 100_001}, map[string]any{"keep_daily": 7, "keep_within": "soon"},
			map[string]any{"keep_dayly": 7}, map[string]any{"keep_daily": 7, "dry_run": true}},
		"hooks": {"x", []string{"x"}, 1, map[string]any{"before": "x"}, map[string]any{"befor": []string{"x"}}, map[string]any{"before": []any{1}},
			hooks("before", ""), hooks("after", "../x"), hooks("always", "/bin/sh"), hooks("on_failure", "-x"), hooks("on_warning", "a b"),
			hooks("before", ".x"), hooks("before", "x\n"), hooks("before", "x\x00"), hooks("before", "x", "x"), hooks("before", strings.Repeat("x", 65)),
			hooks("before", strings.Split("a b c d e f g h i j k l m n o p q", " ")...), json.RawMessage(`{"after": ["a"], "after": ["b"]}`)},
		"nmae": {"x"},
	}
	e := setup(t)
	for name, values := range bad {
		for _, v := range values {
			a := e.post("/api/repositories", fields(map[string]any{name: v}))
			if a.status != 422 {
				t.Errorf("%s %.60q: %d", name, v, a.status)
				continue
			}
			if got := a.locations(); !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, "body."+name) }) {
				t.Errorf("%s %v: errors at %v", name, v, got)
			}
		}
	}
	e.post("/api/repositories", fields(map[string]any{"encryption": "none", "passphrase": "x"})).is(422)
	both := e.post("/api/repositories", fields(map[string]any{"passphrase": "geheim", "passphrase_sealed": "geheim"})).is(422)
	if strings.Contains(string(both.body), "geheim") {
		t.Errorf("the passphrase is told: %s", both.body)
	}
}

// TestMissingPassphrase: refused before borg leaves half a repository behind.
func TestMissingPassphrase(t *testing.T) {
	e := setup(t)
	a := e.post("/api/repositories", fields(map[string]any{"passphrase": nil}))
	if a.status != 422 || !strings.Contains(string(a.body), "body.passphrase") {
		t.Errorf("%d %s", a.status, a.body)
	}
}
