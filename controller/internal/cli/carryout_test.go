package cli

import (
	"context"
	"strings"
	"testing"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/shared/job"
)

// onWeb is the repository of a host as twoHosts has it.
func onWeb(id int64, host string) rest.Repository {
	return rest.Repository{
		ID: id, Name: host, Path: "ssh://bk@h/" + host, Agent: host, AgentID: "id-" + host, Status: "ready", SourceDirectories: []string{"/etc"},
		LockWait: 600, FileLog: "none", ArchiveNameFormat: job.DefaultArchiveName,
	}
}

// TestApplyWithoutAnAnswer: what was sent may have been done. What is there then is
// used by what names it; of the rest nothing is said that is not known.
func TestApplyWithoutAnAnswer(t *testing.T) {
	for _, tt := range []struct {
		now  rest.RepositoryList // when it is looked at again
		want []string
		not  string
	}{
		{rest.RepositoryList{Repositories: []rest.Repository{onWeb(4, "web1")}}, []string{"repository web1 on web1: registered; the answer did not come", "schedule nightly: made\n"}, "not known"},
		{rest.RepositoryList{}, []string{"repository web1 on web1: not known whether it was done (ask the controller", "apply again shows it\n", "repository web2 on web2: made\n", "of 1 of these no answer came", "schedule nightly: failed: it is not known whether web1 on web1 was made\n"}, "web1 on web1: failed"},
	} {
		a := newApplied(t, map[string][]answer{
			"GET /api/repositories": ok(rest.RepositoryList{}, tt.now), "POST /api/repositories": {{broken, nil}, {201, rest.Repository{ID: 5, Status: "ready"}}}, "POST /api/schedule": ok(rest.Schedule{ID: 1}),
		})
		r := a.command("", "apply", a.file, "--yes", "--accept-new-keys")
		for _, want := range tt.want {
			if !strings.Contains(r.err, want) || strings.Contains(r.err, tt.not) {
				t.Errorf("%+v\nwithout %s, or with %s", r, want, tt.not)
			}
		}
	}
}

// TestApplyWithoutAController: the rest is not tried when nobody is there.
func TestApplyWithoutAController(t *testing.T) {
	a := newApplied(t, map[string][]answer{"POST /api/repositories": {{201, rest.Repository{ID: 4, Status: "ready"}}, {broken, nil}}})
	a.answers["POST /api/repositories"][1].body = a.stop
	r := a.command("", "apply", a.file, "--yes", "--accept-new-keys")
	for _, want := range []string{
		"repository web1 on web1: made\n", "repository web2 on web2: not known whether it was done", "the controller is gone (", "1 of 3 are done, of 1 it is not known, 1 were not begun\nNext: apply again when it is back\n",
	} {
		if r.code != 3 || strings.Count(r.err, want) != 1 || strings.Contains(r.err, "schedule nightly") {
			t.Errorf("%+v\nwithout %s", r, want)
		}
	}
}

// TestApplyTwiceAtOnce: what another apply has made is taken as made.
func TestApplyTwiceAtOnce(t *testing.T) {
	other := onWeb(4, "web1")
	other.SourceDirectories = []string{"/srv"}
	for _, tt := range []struct {
		there rest.Repository
		want  string
	}{{onWeb(4, "web1"), "registered meanwhile by somebody else, as the file has it\n"}, {other, "registered meanwhile, and otherwise than the file says: apply again\n"}} {
		a := newApplied(t, map[string][]answer{
			"GET /api/repositories":  ok(rest.RepositoryList{}, rest.RepositoryList{Repositories: []rest.Repository{tt.there}}),
			"POST /api/repositories": {{409, rest.Problem{Status: 409, Code: "repository_exists", Detail: "there"}}, {201, rest.Repository{ID: 5, Status: "ready"}}},
			"POST /api/schedule":     ok(rest.Schedule{ID: 1}),
		})
		r := a.command("", "apply", a.file, "--yes", "--accept-new-keys")
		if r.code != 0 || !strings.Contains(r.err, "repository web1 on web1: "+tt.want) || !strings.Contains(strings.Join(a.posted(), "\n"), `"repository_ids":[4,5]`) {
			t.Errorf("%+v", r)
		}
	}
}

// TestApplyInterrupted: it says how far it came.
func TestApplyInterrupted(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	a := newApplied(t, map[string][]answer{"POST /api/repositories": {{201, rest.Repository{ID: 4, Status: "ready"}}, {broken, nil}}})
	a.answers["POST /api/repositories"][1].body = func() { stop() }
	r := command(ctx, "", []string{"apply", a.file, "--yes", "--accept-new-keys", "--data-dir", a.socket}, nil)
	if r.code != 130 || !strings.Contains(r.err, "interrupted; 1 of 3 are done, of 1 it is not known, 1 were not begun; repository web2 on web2 may have been done\nNext: apply again for the rest\n") {
		t.Errorf("%+v", r)
	}
}

func TestApplyInterruptedBeforeAll(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	a := newApplied(t, map[string][]answer{"GET /api/schedule": {{broken, func() { stop() }}}})
	r := command(ctx, "", []string{"apply", a.file, "--yes", "--accept-new-keys", "--data-dir", a.socket}, nil)
	r.want(t, 130, "", "borgfleet-controller: interrupted; nothing was done\n")
}

func TestApplyInterruptedAtTheQuestion(t *testing.T) {
	a := newApplied(t, nil)
	screen, code := a.onTerminal(120, 40, "", "type apply", "apply", a.file)
	if code != 130 || !strings.Contains(screen, "interrupted; nothing was done") || strings.Contains(screen, "context canceled") {
		t.Errorf("%d\n%s", code, screen)
	}
	if posted := a.posted(); len(posted) > 0 {
		t.Error(posted)
	}
}
