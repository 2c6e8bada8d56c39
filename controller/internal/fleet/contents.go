package fleet

import (
	"context"
	"fmt"
	"maps"
	"path"
	"strings"
	"sync"
	"time"

	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
	"borgfleet/shared/wire"
)

// FolderQuery asks for one page of a folder in an archive.
type FolderQuery struct {
	Repository string // exact path, else name, else id
	Agent      string // id or name; only needed where Repository is ambiguous
	Archive    string
	Path       string // as in the archive; empty: the topmost folder. Any bytes
	Cursor     string // Next of the page before; empty: the beginning
	Limit      int
	By         string
}

// Folder is one page of a folder in an archive.
type Folder struct {
	Repository RepositoryView
	Archive    string
	Path       string
	Entries    []job.Entry // in the order of the archive
	Job        int64       // whose list it is
	Next       string      // the cursor of the next page; empty: the end
}

// Contents lists one folder of an archive. Borg has to look, on the host; but
// archives do not change, so what one has asked answers the next one too.
func (s *Service) Contents(ctx context.Context, q FolderQuery) (Folder, error) {
	repo, err := s.findRepository(ctx, q.Repository, q.Agent)
	if err != nil {
		return Folder{}, err
	}
	if repo.Status != store.RepositoryReady {
		return Folder{}, notReady(repo)
	}
	q.Path = cleanFolder(q.Path)
	var at folderPlace
	if q.Cursor == "" {
		at.job, err = s.listFolder(ctx, repo, q)
	} else {
		at, err = s.folderPlace(repo, q)
	}
	if err != nil {
		return Folder{}, err
	}
	out := Folder{Repository: s.repositoryView(repo), Archive: q.Archive, Path: q.Path, Job: at.job}
	return out, s.readFolder(&out, at.line, q.Limit)
}

// listFolder gives the list that answers, once it has ended.
func (s *Service) listFolder(ctx context.Context, repo store.Repository, q FolderQuery) (int64, error) {
	archive, _, err := s.findArchive(repo, q.Archive)
	if err != nil {
		return 0, err
	}
	list, err := s.folderList(ctx, repo, archive.ID, q)
	if err != nil {
		return 0, err
	}
	done := func(j job.Job) bool { return j.Verdict != nil && (!j.Status.Good() || j.LogComplete()) }
	list, ended, err := s.await(ctx, list.ID, s.set.ContentsWait, done)
	switch {
	case err != nil:
		return 0, err
	case !ended:
		return 0, s.contentsPending(ctx, list)
	case !list.Status.Good():
		return 0, contentsFailed(list)
	}
	return list.ID, nil
}

// cleanFolder takes a folder as people write it.
func cleanFolder(p string) string {
	if p = strings.TrimPrefix(path.Clean("/"+p), "/"); p == "." {
		return ""
	}
	return p
}

// unknownFresh is how long the list of an archive answers whose id is not known:
// long enough for those who were told to ask again.
const unknownFresh = time.Minute

// folderList finds the list that answers, or orders one. A name can be given to
// another archive once the first is deleted, so a list that has ended is used
// again only for a short time, unless the archive's id is known.
func (s *Service) folderList(ctx context.Context, repo store.Repository, id string, q FolderQuery) (job.Job, error) {
	key := folderKey{repo.ID, id, q.Archive, q.Path}
	var list job.Job
	err := s.store.Update(ctx, func(tx *store.Tx) error {
		j, ok, err := tx.Job(s.folders.get(key))
		if err != nil {
			return err
		}
		unended := ok && j.Verdict == nil && !j.CancelRequested
		if unended || ok && j.Status.Good() && !j.LogGone && (id != "" || s.now().Before(s.endOf(tx, j).Add(unknownFresh))) {
			list = j
			return nil
		}
		list, err = s.order(tx, repo.ID, job.List, q.By, func(spec *job.Spec) {
			spec.List = &job.ListSpec{Archive: q.Archive, Path: q.Path}
		})
		s.folders.set(key, list.ID)
		return err
	})
	return list, err
}

// endOf is when a job ended, by our clock.
func (s *Service) endOf(tx *store.Tx, j job.Job) time.Time {
	a, _ := tx.Agent(j.Agent)
	return s.notAhead(j.Verdict.EndedAt.Add(-a.ClockSkew))
}

// readFolder reads a page from the list's log, after a line of it. What is
// missing in the log would be missing in the folder.
func (s *Service) readFolder(out *Folder, after uint64, limit int) error {
	for r, err := range s.store.LogFrom(out.Job, after+1) {
		if err != nil {
			return fmt.Errorf("read list of job %d: %w", out.Job, err)
		}
		if r.Gap != nil {
			s.folders.forget(out.Job)
			return fault.New(fault.Conflict, "contents_incomplete",
				"the list of job %d is not whole: %s; ask again without a cursor to have the folder listed once more", out.Job, lineText(r))
		}
		if len(r.Data) == 0 {
			continue
		}
		if len(out.Entries) == limit {
			out.Next = folderPlace{out.Job, r.Number - 1}.cursor()
			return nil
		}
		e, err := wire.DecodeEntry(r.Data)
		if err != nil {
			return fmt.Errorf("read list of job %d, line %d: %w", out.Job, r.Number, err)
		}
		out.Entries = append(out.Entries, e)
	}
	return s.stillListed(out.Job)
}

// stillListed: a list that is removed while it is read looks as if it ended there.
func (s *Service) stillListed(list int64) error {
	j, ok, err := s.store.Job(list)
	if err != nil || ok && !j.LogGone {
		return err
	}
	s.folders.forget(list)
	return fault.New(fault.Conflict, "contents_incomplete",
		"the list of job %d is not kept any more; ask again without a cursor to have the folder listed once more", list)
}

// contentsAgain is when it is worth asking again.
const contentsAgain = 5 * time.Second

func (s *Service) contentsPending(ctx context.Context, list job.Job) error {
	doing := "reads the archive"
	if waits := s.waitingFor(scopeOf(ctx), list); waits != "" {
		doing = "waits (" + waits + ")"
	}
	f := fault.New(fault.Unavailable, "contents_pending", "the folder is not listed yet: job %d %s; ask again, the same list is waited for", list.ID, doing)
	f.RetryAfter = contentsAgain
	return f
}

// contentsFailed tells what borg or the host said.
func contentsFailed(list job.Job) error {
	kind, code := fault.Conflict, list.Verdict.ErrorCode
	switch code {
	case "":
		code = "list_failed"
	case job.CodePathsNotFound, "archive_not_found":
		kind = fault.NotFound
	case job.CodeNotAFolder:
		kind = fault.Invalid
	}
	message := list.Verdict.ErrorMessage
	if message == "" {
		message = "the list was " + string(list.Status)
	}
	return fault.New(kind, code, "%s (job %d)", message, list.ID)
}

// folderKey names a folder of an archive. id is empty where it is not known.
type folderKey struct {
	repository int64
	id, name   string
	path       string
}

// foldersKept bounds the memory of lists. One that is forgotten is made anew.
const foldersKept = 4096

// folders remembers which job has listed a folder.
type folders struct {
	mu   sync.Mutex
	jobs map[folderKey]int64 // guarded by mu
}

func newFolders() *folders { return &folders{jobs: map[folderKey]int64{}} }

// get is 0 for a folder that was not listed.
func (f *folders) get(k folderKey) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.jobs[k]
}

func (f *folders) set(k folderKey, id int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.jobs) >= foldersKept {
		clear(f.jobs)
	}
	f.jobs[k] = id
}

// forget has folders listed anew that a job has listed.
func (f *folders) forget(id int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	maps.DeleteFunc(f.jobs, func(_ folderKey, job int64) bool { return job == id })
}
