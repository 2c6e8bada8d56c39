package api_test

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
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

// TestArchivesAreInBorgsWords: inside is borg's own object, key for key.
func TestArchivesAreInBorgsWords(t *testing.T) {
	e := setup(t)
	at := time.Date(2024, 1, 15, 10, 0, 0, 250_000_000, time.UTC)
	e.fleet.archives = fleet.ArchiveList{
		Repository:   fleet.RepositoryView{Repository: job.Repository{Path: "/r", Encryption: "keyfile", BorgID: "ab"}},
		AsOf:         at.Add(time.Minute),
		LastModified: at.Add(time.Second),
		Archives: []fleet.Archive{
			{ID: "11", Name: "by-hand", Start: at},
			{ID: "22", Name: "ours", Start: at, Job: 9, NFiles: 0, OriginalSize: 7},
		},
		Vanished: []fleet.Archive{{ID: "33", Name: "gone", Start: at, Job: 8, NFiles: 2, OriginalSize: 5, VanishedAt: at.Add(time.Hour)}},
	}
	a := e.get("/api/archives/list?repository=/r&refresh=true&matching=1").is(200)
	if q := e.fleet.archivesQuery; !q.Refresh || !q.Matching || q.Repository != "/r" {
		t.Errorf("asked for %+v", q)
	}
	var got map[string]any
	a.into(&got)
	var want map[string]any
	_ = json.Unmarshal([]byte(`{"as_of": "2024-01-15T10:01:00Z", "refresh": null, "archives": {
		"encryption": {"mode": "keyfile"},
		"repository": {"id": "ab", "last_modified": "2024-01-15T10:00:01.250000", "location": "/r"},
		"archives": [
			{"archive": "by-hand", "barchive": "by-hand", "id": "11", "name": "by-hand", "start": "2024-01-15T10:00:00.250000", "time": "2024-01-15T10:00:00.250000",
			 "original_size": null, "nfiles": null, "job_id": null},
			{"archive": "ours", "barchive": "ours", "id": "22", "name": "ours", "start": "2024-01-15T10:00:00.250000", "time": "2024-01-15T10:00:00.250000",
			 "original_size": 7, "nfiles": 0, "job_id": 9}]},
		"vanished": [{"name": "gone", "id": "33", "start": "2024-01-15T10:00:00.250000", "vanished_at": "2024-01-15T11:00:00Z", "original_size": 5, "nfiles": 2, "job_id": 8}]}`), &want)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	e.fleet.archives.Refresh = &fleet.Refresh{List: fleet.JobView{Job: job.Job{ID: 7, Status: job.Failed, Verdict: &job.Verdict{ErrorMessage: "gone"}}, AgentOnline: true, WaitingFor: "x"}}
	e.get("/api/archives/list?repository=/r&refresh=true").is(200).into(&got)
	if want := map[string]any{"job_id": 7., "status": "failed", "done": false, "agent_online": true, "waiting_for": nil, "error_message": "gone"}; !reflect.DeepEqual(got["refresh"], want) {
		t.Errorf("refresh is %v, want %v", got["refresh"], want)
	}
	e.get("/api/archives/list").is(422)
	e.get("/api/archives/list?repository=").is(422)
	e.get("/api/archives/list?repository=/r&repo=/r").is(422)
	e.fleet.err = fault.New(fault.Conflict, "catalogue_unknown", "not listed yet")
	if p := e.get("/api/archives/list?repository=/r").is(409).problem(); p.Code != "catalogue_unknown" {
		t.Errorf("%+v", p)
	}
}

func TestContents(t *testing.T) {
	e := setup(t)
	e.fleet.folder = fleet.Folder{
		Repository: fleet.RepositoryView{Repository: job.Repository{Path: "/r"}}, Archive: "a b", Path: "etc", Job: 4, Next: "next",
		Entries: []job.Entry{{Path: "etc/h\xff", Type: "-", Mode: "-rw-r--r--", Size: 3, MTime: testNow()}, {Path: "etc/l", Type: "l", Target: "/x\xfe"}},
	}
	var got rest.Contents
	e.get("/api/archives/a%20b/contents?repository=/r&path=/etc/&limit=20000&cursor=this").is(200).into(&got)
	if q := e.fleet.folderQuery; q.Archive != "a b" || q.Path != "/etc/" || q.Limit != 10_000 || q.Cursor != "this" {
		t.Errorf("asked for %+v", q)
	}
	if len(got.Entries) != 2 || got.Entries[0].Name != "h\uFFFD" || *got.Entries[0].PathBase64 != base64.StdEncoding.EncodeToString([]byte("etc/h\xff")) ||
		got.Entries[1].PathBase64 != nil || *got.Entries[1].Target != "/x\uFFFD" || *got.NextCursor != "next" {
		t.Errorf("got %+v", got)
	}
	encoded := url.QueryEscape(base64.StdEncoding.EncodeToString([]byte("d\xff")))
	e.get("/api/archives/a/contents?repository=/r&path_base64=" + encoded).is(200)
	if q := e.fleet.folderQuery; q.Path != "d\xff" {
		t.Errorf("asked for %+v", q)
	}
	for _, bad := range []string{"", "repository=/r&path=../x", "repository=/r&path=a/../../b", "repository=/r&path=a&path_base64=YQ==", "repository=/r&path_base64=%25",
		"repository=/r&limit=0", "repository=/r&depth=2"} {
		e.get("/api/archives/a/contents?" + bad).is(422)
	}
	e.fleet.err = &fault.Error{Kind: fault.Unavailable, Code: "contents_pending", Message: "job 4 waits", RetryAfter: 5 * time.Second}
	if a := e.get("/api/archives/a/contents?repository=/r").is(503); a.header.Get("Retry-After") != "5" {
		t.Errorf("Retry-After is %q", a.header.Get("Retry-After"))
	}
}

func TestStartRestore(t *testing.T) {
	e := setup(t)
	good := `{"repository": "/r", "agent": "b", "archive": "a", "paths": ["/etc/hosts", "home/x/"], "paths_base64": ["ZP8="], "destination": "/srv/restore"}`
	if got := strings.TrimSpace(string(e.post("/api/restore/start", good, "Idempotency-Key", "k").is(200).body)); got != `{"job_id":123,"status":"pending","message":"Restore job started"}` {
		t.Error(got)
	}
	want := fleet.RestoreRequest{Repository: "/r", Agent: "b", Archive: "a", Paths: []string{"etc/hosts", "home/x", "d\xff"}, Destination: "/srv/restore", IdempotencyKey: "k", By: "the admin"}
	if !reflect.DeepEqual(e.fleet.restore, want) {
		t.Errorf("asked for %+v", e.fleet.restore)
	}
	for _, bad := range []string{
		`{"archive": "a", "destination": "/x"}`, `{"repository": "/r", "destination": "/x"}`, `{"repository": "/r", "archive": "a"}`,
		`{"repository": "/r", "archive": "a", "destination": "x"}`, `{"repository": "/r", "archive": "a", "destination": "/x/../y"}`,
		`{"repository": "/r", "archive": "a", "destination": "/` + strings.Repeat("x", 256) + `"}`,
		`{"repository": "/r", "archive": "a", "destination": "` + strings.Repeat("/x", 2048) + `"}`,
		`{"repository": "/r", "archive": "-a", "destination": "/x"}`, `{"repository": "/r", "archive": "a", "destination": "/x", "paths": ["../y"]}`,
		`{"repository": "/r", "archive": "a", "destination": "/x", "paths": [""]}`, `{"repository": "/r", "archive": "a", "destination": "/x", "paths": "y"}`,
		`{"repository": "/r", "archive": "a", "destination": "/x", "paths_base64": ["%"]}`, `{"repository": "/r", "archive": "a", "destination": "/x", "path": "y"}`,
	} {
		e.post("/api/restore/start", bad).is(422)
	}
}

func TestChangeRepository(t *testing.T) {
	e := setup(t)
	e.post("/api/repositories", fields(nil)).is(201)
	e.do("PUT", "/api/repositories/7", `{"name": "other", "source_directories": ["/srv"], "exclude_patterns": [], "one_file_system": true, "compression": null, "passphrase": "a new one", "path": "/local/backups/my-repo"}`).is(200)
	u := e.fleet.update
	d := u.Change(job.Repository{Name: "my-repo", Path: "/local/backups/my-repo", Compression: "lz4", ExcludePatterns: []string{"x"}, ExcludeCaches: true})
	want := job.Repository{Name: "other", Path: "/local/backups/my-repo", Sources: []string{"/srv"}, Compression: "lz4", OneFileSystem: true, ExcludeCaches: true}
	if u.ID != 7 || u.Passphrase != "a new one" || !reflect.DeepEqual(d, want) {
		t.Errorf("asked for %+v, made %+v", u, d)
	}
	for _, bad := range []string{`{"path": "/other"}`, `{"agent": "other"}`, `{"encryption": "none"}`, `{"source_directories": []}`, `{"retention": {}}`, `{"hooks": []}`, `{"nmae": "x"}`, `{"name": ""}`, `{"repository_type": "ssh"}`} {
		e.do("PUT", "/api/repositories/7", bad).is(422)
	}
	for body, want := range map[string]string{`{"maintainer": "keeper"}`: "keeper", `{"maintainer": null}`: "", `{"maintainer": ""}`: "", `{}`: "as before"} {
		e.do("PUT", "/api/repositories/7", body).is(200)
		if got := e.fleet.update.Maintainer; got == nil && want != "as before" || got != nil && *got != want {
			t.Errorf("%s: maintainer %v", body, got)
		}
	}
	e.do("PUT", "/api/repositories/7", `{"maintainer": 7}`).is(422)
	all := e.do("PUT", "/api/repositories/7", `{"path": "/other", "agent": "other", "encryption": "none"}`).is(422)
	if got := all.locations(); !slices.Equal(got, []string{"body.path", "body.agent", "body.encryption"}) {
		t.Errorf("refused in the order %v", got)
	}
	e.do("PUT", "/api/repositories/8", `{}`).is(404)
	e.do("DELETE", "/api/repositories/7", "").is(204)
	e.get("/api/repositories/7/running-jobs").is(200)
	e.get("/api/repositories/8/running-jobs").is(404)
}

// TestImport needs neither encryption nor passphrase: borg tells the one, the
// host may have the other.
func TestImport(t *testing.T) {
	e := setup(t)
	body := `{"name": "old", "path": "/srv/old", "source_directories": ["/etc"], "match_archives": "cron-*", "repository_type": "local"}`
	e.post("/api/repositories/import", body).is(201)
	if d := e.fleet.repository.Definition; !d.AccountDirs || d.Encryption != "" || d.MatchArchives != "cron-*" {
		t.Errorf("asked for %+v", d)
	}
	e.post("/api/repositories", body).is(422)
	e.post("/api/repositories/import", `{"name": "kept", "path": "/srv/old"}`).is(201)
	if d := e.fleet.repository.Definition; len(d.Sources) != 0 {
		t.Errorf("asked for %+v", d)
	}
}
