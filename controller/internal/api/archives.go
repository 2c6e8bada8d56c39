package api

import (
	"encoding/base64"
	"net/http"
	"path"
	"strings"
	"time"
	"unicode/utf8"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/fleet"
	"borgfleet/shared/job"
)

const (
	usualEntries = 1000
	mostEntries  = 10_000
)

func (s *server) listArchives(w http.ResponseWriter, r *http.Request) error {
	in := readQuery(r)
	q := fleet.ArchiveQuery{
		Repository: in.required("repository"), Agent: in.text("agent"),
		Refresh: in.flag("refresh"), Matching: in.flag("matching"), By: caller(r).User,
	}
	if err := in.bad.err(); err != nil {
		return err
	}
	if who := caller(r); q.Refresh && !who.Role.May(Operator) {
		return fault.New(fault.Forbidden, "forbidden", "refresh has borg look on the host, and needs the role %s; without it the answer is what is known", Operator)
	}
	list, err := s.Fleet.Archives(r.Context(), q)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, archiveList(list))
}

func archiveList(list fleet.ArchiveList) rest.ArchiveList {
	repo := list.Repository
	out := rest.ArchiveList{AsOf: rest.At(list.AsOf), Refresh: refreshOf(list.Refresh), Vanished: vanishedBody(list.Vanished), Archives: rest.BorgList{
		Archives:   make([]rest.Archive, 0, len(list.Archives)),
		Encryption: rest.BorgEncryption{Mode: repo.Encryption},
		Repository: rest.BorgRepository{ID: repo.BorgID, LastModified: borgTime(list.LastModified), Location: repo.Path},
	}}
	for _, a := range list.Archives {
		start := borgTime(a.Start)
		entry := rest.Archive{Archive: a.Name, Barchive: a.Name, ID: a.ID, Name: a.Name, Start: start, Time: start, JobID: orNull(a.Job)}
		if a.Job != 0 {
			entry.OriginalSize, entry.NFiles = &a.OriginalSize, &a.NFiles
		}
		out.Archives.Archives = append(out.Archives.Archives, entry)
	}
	return out
}

// borgTime writes a time as borg does, which we run in UTC; empty: not told.
func borgTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000000")
}

func (s *server) archiveContents(w http.ResponseWriter, r *http.Request) error {
	in := readQuery(r)
	q := fleet.FolderQuery{
		Repository: in.required("repository"), Agent: in.text("agent"), Archive: r.PathValue("name"),
		Path: in.folder(), Cursor: in.text("cursor"), Limit: in.limit(usualEntries, mostEntries), By: caller(r).User,
	}
	if err := in.bad.err(); err != nil {
		return err
	}
	f, err := s.Fleet.Contents(r.Context(), q)
	if err != nil {
		return err
	}
	out := rest.Contents{Archive: f.Archive, Repository: f.Repository.Path, Path: plain(f.Path), Entries: make([]rest.Entry, 0, len(f.Entries)), JobID: f.Job, NextCursor: orNull(f.Next)}
	for _, e := range f.Entries {
		out.Entries = append(out.Entries, entryBody(e))
	}
	return writeJSON(w, http.StatusOK, out)
}

func entryBody(e job.Entry) rest.Entry {
	out := rest.Entry{
		Name: plain(path.Base(e.Path)), Path: plain(e.Path), Type: e.Type, Mode: e.Mode, Size: e.Size, MTime: rest.At(e.MTime),
		User: e.User, Group: e.Group, UID: e.UID, GID: e.GID, Target: orNull(plain(e.Target)), Implied: e.Implied,
	}
	if !utf8.ValidString(e.Path) {
		out.PathBase64 = orNull(base64.StdEncoding.EncodeToString([]byte(e.Path)))
	}
	return out
}

// plain makes a name fit for JSON.
func plain(name string) string { return strings.ToValidUTF8(name, "\uFFFD") }

// required is a parameter that must be there.
func (q *query) required(name string) string {
	v, ok := q.one(name)
	if !ok && len(q.values[name]) == 0 {
		q.bad.add("query."+name, "it is required")
	}
	return v
}

// folder reads which folder is meant, in one of two ways.
func (q *query) folder() string {
	if len(q.values["path"]) == 1 && q.values["path"][0] == "" {
		q.values.Del("path") // the topmost folder, as a client writes it that fills in a form
	}
	folder := q.text("path")
	if encoded, ok := q.one("path_base64"); ok {
		raw, err := base64.StdEncoding.DecodeString(encoded)
		switch {
		case err != nil:
			q.bad.add("query.path_base64", "it is not base64; a + in a query is written %%2B")
		case folder != "":
			q.bad.add("query.path_base64", "give this or path, not both")
		}
		folder = string(raw)
	}
	if wrong := checkArchivePath(strings.Trim(folder, "/")); folder != "" && strings.Trim(folder, "/") != "" && wrong != "" {
		q.bad.add("query.path", "%s", wrong)
	}
	return folder
}

// checkArchivePath takes a path as archives have it. Any bytes but NUL can be in
// it.
func checkArchivePath(s string) string {
	switch {
	case s == "":
		return "it names nothing: leave it out to mean everything"
	case len(s) > mostPath:
		return "it is too long"
	case strings.ContainsRune(s, 0):
		return "it holds a NUL"
	}
	for part := range strings.SplitSeq(s, "/") {
		if part == ".." {
			return "it must not hold .."
		}
	}
	return ""
}

// startRestore: whoever may start and cancel backups may bring them back, below
// the destinations that the host's owner named and nowhere else.
func (s *server) startRestore(w http.ResponseWriter, r *http.Request) error {
	key, body, err := s.startOf(w, r)
	if err != nil {
		return err
	}
	req := restoreRequest(body)
	req.IdempotencyKey, req.By = key, caller(r).User
	if err := body.err(); err != nil {
		return err
	}
	j, err := s.Fleet.Restore(r.Context(), req)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, rest.Started{JobID: j.ID, Status: string(job.Pending), Message: "Restore job started"})
}

// mostRestorePaths keeps borg's command line within what the kernel takes.
const mostRestorePaths = 1000

func restoreRequest(body *object) fleet.RestoreRequest {
	req := fleet.RestoreRequest{
		Repository:  body.reference("repository", true),
		Agent:       body.reference("agent", false),
		Archive:     body.checked("archive", true, checkName),
		Destination: body.checked("destination", true, checkSource),
	}
	check := func(s string) string { return checkArchivePath(strings.TrimPrefix(s, "/")) }
	for _, p := range body.texts("paths", mostRestorePaths, check) {
		req.Paths = append(req.Paths, inArchive(p))
	}
	encoded := body.texts("paths_base64", mostRestorePaths, func(s string) string {
		raw, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			return "it is not base64"
		}
		return check(string(raw))
	})
	for _, p := range encoded {
		if raw, err := base64.StdEncoding.DecodeString(p); err == nil {
			req.Paths = append(req.Paths, inArchive(string(raw)))
		}
	}
	body.noOthers()
	return req
}

// inArchive writes a path as archives do. People write them as they were on the
// host.
func inArchive(p string) string { return strings.TrimPrefix(path.Clean("/"+p), "/") }
