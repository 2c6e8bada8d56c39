package fleet

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
)

// TestScope: with a scope the rest of the fleet is not there, in any answer and
// for any order; what is outside is answered as what does not exist.
func TestScope(t *testing.T) {
	r := newRig(t)
	r.s.set.ContentsWait = time.Millisecond // no host is there to wait for
	a, b := r.agent("a"), r.agent("b")
	repos := []store.Repository{r.repository(a, "/a1"), r.repository(a, "/a2"), r.repository(b, "/b1")}
	for what, tt := range map[string]struct {
		scope *store.Scope
		in    [3]bool
	}{
		"everything":   {nil, [3]bool{true, true, true}},
		"a repository": {&store.Scope{Repositories: []int64{repos[1].ID}}, [3]bool{false, true, false}},
		"an agent":     {&store.Scope{Agents: []string{a.id}}, [3]bool{true, true, false}},
		"both":         {&store.Scope{Repositories: []int64{repos[0].ID}, Agents: []string{b.id}}, [3]bool{true, false, true}},
		"what is gone": {&store.Scope{Repositories: []int64{999}, Agents: []string{"gone"}}, [3]bool{}},
	} {
		ctx := WithScope(t.Context(), tt.scope)
		var jobs []job.Job
		for _, repo := range repos {
			jobs = append(jobs, r.start(repo.Path, repo.Agent))
		}
		listed, shown := map[int64]bool{}, map[int64]bool{}
		page, err := r.s.Jobs(ctx, JobQuery{Limit: 1000})
		must(t, err)
		for _, v := range page.Jobs {
			listed[v.ID] = true
		}
		for _, v := range r.s.Repositories(ctx) {
			shown[v.ID] = true
		}
		for i, repo := range repos {
			if listed[jobs[i].ID] != tt.in[i] || shown[repo.ID] != tt.in[i] {
				t.Errorf("%s: %s is listed %v, its job %v; want %v", what, repo.Path, shown[repo.ID], listed[jobs[i].ID], tt.in[i])
			}
			for call, err := range r.everything(ctx, repo, jobs[i].ID) {
				if (err == nil) != tt.in[i] {
					t.Errorf("%s: %s of %s: %v", what, call, repo.Path, err)
				}
			}
			found, err := r.s.Jobs(ctx, JobQuery{Repository: repo.Path, Limit: 100})
			if n := len(found.Jobs); tt.in[i] && n == 0 || !tt.in[i] && fault.Of(err).Code != "invalid_request" {
				t.Errorf("%s: a search for %s gives %d jobs, %v", what, repo.Path, n, err)
			}
		}
	}
}

// everything is what can be asked about a repository and a job of it.
func (r *rig) everything(ctx context.Context, repo store.Repository, id int64) map[string]error {
	r.t.Helper()
	out := map[string]error{}
	_, out["repository"] = r.s.Repository(ctx, repo.ID)
	_, out["running jobs"] = r.s.RunningJobs(ctx, repo.ID)
	_, out["job"] = r.s.Job(ctx, id)
	_, out["log"] = r.s.Log(ctx, id, 0, 10)
	_, out["start"] = r.s.Start(ctx, StartRequest{Repository: repo.Path, By: "ann"})
	_, out["start by id"] = r.s.Start(ctx, StartRequest{Repository: fmt.Sprint(repo.ID), By: "ann"})
	_, out["cancel"] = r.s.Cancel(ctx, id, "ann")
	if ended := r.job(id).Verdict != nil; ended != (out["cancel"] == nil) {
		r.t.Errorf("job %d has ended: %v, answered %v", id, ended, out["cancel"])
	}
	for what, err := range out {
		if err != nil && fault.Of(err).Kind != fault.NotFound {
			r.t.Errorf("%s of %s: %v", what, repo.Path, err)
		}
	}
	// Who may is told that these know of no archive.
	const archive = "no such archive"
	_, err := r.s.Archives(ctx, ArchiveQuery{Repository: repo.Path})
	out["archives"] = noRepository(err)
	_, err = r.s.Contents(ctx, FolderQuery{Repository: repo.Path, Archive: archive})
	out["contents"] = noRepository(err)
	_, err = r.s.Restore(ctx, RestoreRequest{Repository: repo.Path, Archive: archive, Destination: "/x"})
	out["restore"] = noRepository(err)
	_, err = r.maintainAs(ctx, repo, job.Check)
	out["check"] = noRepository(err)
	if _, err = r.s.Trends(ctx, TrendQuery{Repository: repo.Path, Days: 1}); fault.Of(err).Code == "invalid_request" {
		out["trends"] = err // no repository of this name is registered
	}
	return out
}

// noRepository is nil unless err says that the repository is not there.
func noRepository(err error) error {
	if fault.Of(err).Code == "repository_not_found" {
		return err
	}
	return nil
}

// TestScopeOfAMaintainer: a token that does not reach the registration with which
// a maintainer works would start what it cannot see.
func TestScopeOfAMaintainer(t *testing.T) {
	r := newRig(t)
	_, keeper, owner, kept := r.maintained("host")
	of := func(repos ...store.Repository) context.Context {
		scope := &store.Scope{}
		for _, repo := range repos {
			scope.Repositories = append(scope.Repositories, repo.ID)
		}
		return WithScope(t.Context(), scope)
	}
	_, err := r.maintainAs(of(owner), owner, job.Check)
	refusedAs(t, "the owner's alone", err, "token_scope")
	_, err = r.maintainAs(of(kept), owner, job.Check)
	refusedAs(t, "the maintainer's alone", err, "repository_not_found")
	j, err := r.maintainAs(of(owner, kept), owner, job.Check)
	must(t, err)
	if _, err := r.s.Job(of(owner, kept), j.ID); err != nil || j.Agent != keeper.id {
		t.Errorf("%+v, %v", j, err)
	}
}

// TestScopeTellsNothingOfOthers: an agent that is outside is answered for as one
// that does not exist, and a job that is outside has no number.
func TestScopeTellsNothingOfOthers(t *testing.T) {
	r := newRig(t)
	a, b := r.agent("a"), r.agent("b")
	const place = "ssh://bk@h/r"
	mine := r.repository(a, place)
	r.repository(b, place)
	a.connect("s1")
	b.connect("s2")
	ctx := WithScope(t.Context(), &store.Scope{Repositories: []int64{mine.ID}})
	a.lists(mine, r.clock().Add(-time.Hour), arch(1))
	calls := func(agent string) map[string]error {
		out := map[string]error{}
		_, out["start"] = r.s.Start(ctx, StartRequest{Repository: place, Agent: agent, By: "ann"})
		_, out["archives"] = r.s.Archives(ctx, ArchiveQuery{Repository: place, Agent: agent})
		_, out["contents"] = r.s.Contents(ctx, FolderQuery{Repository: place, Agent: agent, Archive: arch(1).Name})
		_, out["restore"] = r.s.Restore(ctx, RestoreRequest{Repository: place, Agent: agent, Archive: arch(1).Name, Destination: "/x"})
		_, out["jobs"] = r.s.Jobs(ctx, JobQuery{Agent: agent, Limit: 10})
		return out
	}
	none := calls("nobody")
	for _, outside := range []string{"b", b.id} {
		for call, err := range calls(outside) {
			want := strings.ReplaceAll(fmt.Sprint(none[call]), "nobody", outside)
			if err == nil || fault.Of(err).Code != fault.Of(none[call]).Code || err.Error() != want {
				t.Errorf("%s with the agent %s: %v, and for one that is not there %s", call, outside, err, want)
			}
		}
	}
	if _, err := r.s.Jobs(ctx, JobQuery{Agent: "a", Limit: 10}); err != nil {
		t.Error(err)
	}

	theirs := r.start(place, "b")
	b.send(&fleetv1.JobReport{Key: theirs.Key[:], Register: register(1, job.PhaseStarted, "")})
	b.next("started")
	own := r.start(place, "a")
	if got, want := r.waiting(own.ID), fmt.Sprintf("repository busy (job %d)", theirs.ID); got != want {
		t.Errorf("it waits for %q, want %q", got, want)
	}
	const want = "repository busy (another job)"
	one, err := r.s.Job(ctx, own.ID)
	must(t, err)
	page, err := r.s.Jobs(ctx, JobQuery{Statuses: []job.Status{job.Pending}, Limit: 10})
	must(t, err)
	running, err := r.s.RunningJobs(ctx, mine.ID)
	must(t, err)
	if one.WaitingFor != want || len(page.Jobs) != 1 || page.Jobs[0].WaitingFor != want || len(running) != 1 || running[0].WaitingFor != want {
		t.Errorf("with a scope it waits for %q, %+v, %+v", one.WaitingFor, page.Jobs, running)
	}
	r.s.set.ContentsWait = time.Millisecond
	_, err = r.s.Contents(ctx, FolderQuery{Repository: place, Archive: arch(1).Name})
	wantFault(t, "contents", err, "contents_pending", want)
}
