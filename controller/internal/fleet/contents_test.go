package fleet

import (
	"slices"
	"strings"
	"testing"
	"time"

	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/wire"
)

// folderLines is the journal of a folder's list.
func folderLines(t *testing.T, paths ...string) []*fleetv1.Record {
	t.Helper()
	out := records(1, "listing")
	for _, p := range paths {
		data, err := wire.EncodeEntry(job.Entry{Path: p, Type: "-"})
		must(t, err)
		r := records(uint64(len(out)+1), "an entry")[0]
		r.Data = data
		out = append(out, r)
	}
	return append(out, records(uint64(len(out)+1), "done")...)
}

// answers plays the agent's part in one list: it takes the order and ends it.
func (p *puppet) answers(id int64, recs []*fleetv1.Record, change func(*job.Verdict)) {
	p.t.Helper()
	o := p.order(id)
	now := p.rig.clock()
	p.send(&fleetv1.JobReport{Key: o.Key, Register: ends(now, now, len(recs), change), First: 1, Records: recs})
	p.next("list")
}

type folderAnswer struct {
	f   Folder
	err error
}

// browse asks for a folder as a client does, in the background.
func (r *rig) browse(q FolderQuery) <-chan folderAnswer {
	out := make(chan folderAnswer, 1)
	go func() {
		f, err := r.s.Contents(r.t.Context(), q)
		out <- folderAnswer{f, err}
	}()
	return out
}

// listingOf waits for an unfinished list of a folder.
func (r *rig) listingOf(path string) (id int64) {
	r.t.Helper()
	r.await("a list of "+path, func() bool {
		for _, j := range r.st.ActiveJobs() {
			if j.Spec.List != nil && j.Spec.List.Path == path && j.Sent {
				id = j.ID
			}
		}
		return id != 0
	})
	return id
}

func names(entries []job.Entry) (out []string) {
	for _, e := range entries {
		out = append(out, e.Path)
	}
	return out
}

// TestContents are listed once for all who ask, and page by page.
func TestContents(t *testing.T) {
	r, a, repo, at := catalogueRig(t)
	a.lists(repo, at(1), archs(1)...)
	q := FolderQuery{Repository: repo.Path, Archive: arch(1).Name, Path: "/etc//x/", Limit: 2}
	one, two := r.browse(q), r.browse(q)
	id := r.listingOf("etc/x")
	a.answers(id, folderLines(t, "etc/x/a", "etc/x/b", "etc/x/c\xff"), nil)
	for _, c := range []<-chan folderAnswer{one, two} {
		got := <-c
		if got.err != nil || got.f.Job != id || !slices.Equal(names(got.f.Entries), []string{"etc/x/a", "etc/x/b"}) {
			t.Fatalf("%+v", got)
		}
		q.Cursor = got.f.Next
	}
	f, err := r.s.Contents(t.Context(), q)
	if err != nil || f.Next != "" || f.Job != id || !slices.Equal(names(f.Entries), []string{"etc/x/c\xff"}) {
		t.Errorf("the second page: %+v, %v", f, err)
	}
}

// TestPagesAreOfOneList, also when the folder was listed once more meanwhile, and
// a cursor leads nowhere else.
func TestPagesAreOfOneList(t *testing.T) {
	r, a, repo, at := catalogueRig(t)
	a.lists(repo, at(1), archs(1, 2)...)
	q := FolderQuery{Repository: repo.Path, Archive: arch(1).Name, Path: "e", Limit: 2}
	all := []string{"e/a", "e/b", "e/c", "e/d"}
	page := func(recs []*fleetv1.Record) Folder {
		c := r.browse(q)
		a.answers(r.listingOf("e"), recs, nil)
		got := <-c
		must(t, got.err)
		return got.f
	}
	late := append(records(1, "waits for the lock", "waits"), folderLines(t, all...)...)
	for i := range late {
		late[i].Number = uint64(i + 1)
	}
	first := page(late)
	r.s.folders = newFolders() // the controller has started again
	if again := page(folderLines(t, all...)); again.Job == first.Job {
		t.Fatal("the folder was not listed again")
	}
	on := q
	on.Cursor = first.Next
	second, err := r.s.Contents(t.Context(), on)
	must(t, err)
	if got := append(names(first.Entries), names(second.Entries)...); !slices.Equal(got, all) || second.Job != first.Job || second.Next != "" {
		t.Errorf("%v, the second page of job %d, not %d", got, second.Job, first.Job)
	}
	other := r.repository(a, "/other")
	backup := a.backs(repo, at(2), arch(3), false)
	for what, wrong := range map[string]FolderQuery{
		"another folder":     {Repository: repo.Path, Archive: arch(1).Name, Path: "f", Cursor: first.Next},
		"another archive":    {Repository: repo.Path, Archive: arch(2).Name, Path: "e", Cursor: first.Next},
		"another repository": {Repository: other.Path, Archive: arch(1).Name, Path: "e", Cursor: first.Next},
		"another kind":       {Repository: repo.Path, Archive: arch(1).Name, Path: "e", Cursor: folderPlace{backup, 0}.cursor()},
		"no job":             {Repository: repo.Path, Archive: arch(1).Name, Path: "e", Cursor: folderPlace{99, 0}.cursor()},
		"past the end":       {Repository: repo.Path, Archive: arch(1).Name, Path: "e", Cursor: folderPlace{first.Job, 1 << 63}.cursor()},
		"a number":           {Repository: repo.Path, Archive: arch(1).Name, Path: "e", Cursor: "5"},
	} {
		wrong.Limit = 2
		_, err := r.s.Contents(t.Context(), wrong)
		wantFault(t, what, err, "invalid_request", "query.cursor", "begin again")
	}
}

// TestContentsWithAHole are refused: what is missing would look as if it were
// not in the archive.
func TestContentsWithAHole(t *testing.T) {
	r, a, repo, at := catalogueRig(t)
	a.lists(repo, at(1), archs(1)...)
	q := FolderQuery{Repository: repo.Path, Archive: arch(1).Name, Path: "e", Limit: 9}
	c := r.browse(q)
	recs := folderLines(t, "e/a", "e/b", "e/c")
	recs[2].Gap, recs[2].Data = &fleetv1.Gap{Count: 1, Reason: "no room"}, nil
	a.answers(r.listingOf("e"), recs, nil)
	wantFault(t, "a hole", (<-c).err, "contents_incomplete", "no room", "ask again")
	c = r.browse(q)
	a.answers(r.listingOf("e"), folderLines(t, "e/a"), nil)
	if got := <-c; got.err != nil {
		t.Errorf("asked again: %v", got.err)
	}
}

// TestContentsOfAnUnknownArchive: who was told to ask again is given the list
// that was waited for, also where the host's clock is wrong; later it is made
// anew, for the name may be another archive's.
func TestContentsOfAnUnknownArchive(t *testing.T) {
	r, a, repo, _ := catalogueRig(t)
	a.disconnect()
	a.now = func() time.Time { return r.clock().Add(-time.Hour) }
	a.connect("s1")
	r.s.set.ContentsWait = 50 * time.Millisecond
	q := FolderQuery{Repository: repo.Path, Archive: arch(1).Name, Path: "e", Limit: 1}
	_, err := r.s.Contents(t.Context(), q)
	wantFault(t, "asked", err, "contents_pending")
	id := r.listingOf("e")
	recs := folderLines(t, "e/a", "e/b")
	a.send(&fleetv1.JobReport{Key: a.order(id).Key, Register: ends(a.now(), a.now(), len(recs), nil), First: 1, Records: recs})
	a.next("the list")
	f, err := r.s.Contents(t.Context(), q)
	if err != nil || f.Job != id {
		t.Fatalf("asked again: %+v, %v", f, err)
	}
	r.pass(2 * unknownFresh)
	_, err = r.s.Contents(t.Context(), q)
	wantFault(t, "asked later", err, "contents_pending")
	q.Cursor = f.Next
	if f, err = r.s.Contents(t.Context(), q); err != nil || !slices.Equal(names(f.Entries), []string{"e/b"}) {
		t.Errorf("the second page: %+v, %v", f, err)
	}
}

// TestContentsThatAreNotThere: what the catalogue knows not to be there is not
// looked for; what borg says is told, and asked again.
func TestContentsThatAreNotThere(t *testing.T) {
	r, a, repo, at := catalogueRig(t)
	a.lists(repo, at(1), archs(1)...)
	_, err := r.s.Contents(t.Context(), FolderQuery{Repository: repo.Path, Archive: "none", Limit: 1})
	wantFault(t, "no such archive", err, "archive_not_found", "refresh=true")
	for code, kind := range map[string]fault.Kind{job.CodePathsNotFound: fault.NotFound, job.CodeNotAFolder: fault.Invalid, "repo_unreachable": fault.Conflict} {
		c := r.browse(FolderQuery{Repository: repo.Path, Archive: arch(1).Name, Path: "x", Limit: 1})
		a.answers(r.listingOf("x"), nil, func(v *job.Verdict) {
			v.Status, v.ErrorCode, v.ErrorMessage = job.Failed, code, "borg says so"
		})
		got := <-c
		wantFault(t, code, got.err, code, "borg says so")
		if k := fault.Of(got.err).Kind; k != kind {
			t.Errorf("%s is of kind %v", code, k)
		}
	}
}

// TestContentsThatTakeTime say what they wait for, and the next one who asks
// waits for the same list.
func TestContentsThatTakeTime(t *testing.T) {
	r, a, repo, at := catalogueRig(t)
	a.lists(repo, at(1), archs(1)...)
	r.s.set.ContentsWait = 50 * time.Millisecond
	busy := r.start(repo.Path, "")
	a.order(busy.ID)
	q := FolderQuery{Repository: repo.Path, Archive: arch(1).Name, Limit: 1}
	for range 2 {
		_, err := r.s.Contents(t.Context(), q)
		wantFault(t, "busy", err, "contents_pending", "repository busy")
		if f := fault.Of(err); f.RetryAfter == 0 || f.Kind != fault.Unavailable {
			t.Errorf("%+v", f)
		}
	}
	lists := 0
	for _, j := range r.st.ActiveJobs() {
		if j.Spec.Kind == job.List {
			lists++
		}
	}
	if lists != 1 {
		t.Errorf("%d lists", lists)
	}
}

// TestRestore goes through the registration of the host that is to have it.
func TestRestore(t *testing.T) {
	r, a, repo, at := catalogueRig(t)
	a.lists(repo, at(1), archs(1)...)
	b := r.agent("b")
	req := RestoreRequest{Repository: repo.Path, Archive: arch(1).Name, Paths: []string{"etc/x\xff"}, Destination: "/srv/x", By: "ann", IdempotencyKey: "k"}
	j, err := r.s.Restore(t.Context(), req)
	if err != nil || j.Agent != a.id || j.Spec.Kind != job.Restore || j.Spec.Restore.Paths[0] != "etc/x\xff" || j.Spec.Restore.Destination != "/srv/x" {
		t.Fatalf("%+v, %v", j, err)
	}
	if o := a.order(j.ID); o.Spec.Restore.Archive != arch(1).Name {
		t.Errorf("ordered %+v", o.Spec)
	}
	if again, err := r.s.Restore(t.Context(), req); err != nil || again.ID != j.ID {
		t.Errorf("repeated: %d, %v", again.ID, err)
	}
	a.lists(repo, at(2))
	if again, err := r.s.Restore(t.Context(), req); err != nil || again.ID != j.ID {
		t.Errorf("repeated when the archive is gone: %d, %v", again.ID, err)
	}
	a.lists(repo, at(3), archs(1)...)
	req.Destination = "/srv/y"
	_, err = r.s.Restore(t.Context(), req)
	wantFault(t, "another one under the same key", err, "idempotency_key_reused")
	req.IdempotencyKey, req.Agent = "", "b"
	_, err = r.s.Restore(t.Context(), req)
	wantFault(t, "no registration", err, "repository_not_on_agent", "repositories import", "--agent b")
	other := r.repository(b, "/elsewhere")
	other.BorgID = strings.Repeat("ab", 32)
	mine, _ := r.st.Repository(repo.ID)
	mine.BorgID = other.BorgID
	must(t, r.st.Update(t.Context(), func(tx *store.Tx) error {
		if err := tx.PutRepository(other); err != nil {
			return err
		}
		return tx.PutRepository(mine)
	}))
	if j, err = r.s.Restore(t.Context(), req); err != nil || j.Agent != b.id || j.Spec.Repository.Path != "/elsewhere" {
		t.Errorf("%+v, %v", j, err)
	}
	_, err = r.s.Restore(t.Context(), RestoreRequest{Repository: repo.Path, Archive: "none", Destination: "/x"})
	wantFault(t, "no such archive", err, "archive_not_found")
}
