package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"borgfleet/scripts/testenv"
)

// vanishedList is what archives/list says of archives that have gone.
type vanishedList struct {
	Vanished []struct {
		Name       string
		ID         string
		VanishedAt time.Time `json:"vanished_at"`
		JobID      int64     `json:"job_id"`
	}
}

// vanished waits until these have vanished from a repository, and no others.
func vanished(t *testing.T, env *testenv.Env, repo string, want ...string) vanishedList {
	t.Helper()
	var l vanishedList
	err := env.Await("the vanished are "+strings.Join(want, ", "), func() (bool, error) {
		l = vanishedList{}
		err := env.API.Get("/api/archives/list?repository="+url.QueryEscape(repo), &l)
		return slices.Equal(l.names(), slices.Sorted(slices.Values(want))), err
	})
	if err != nil {
		t.Fatalf("%v: they are %v", err, l.names())
	}
	return l
}

func (l vanishedList) names() (names []string) {
	for _, a := range l.Vanished {
		names = append(names, a.Name)
	}
	slices.Sort(names)
	return names
}

// TestVanishedArchives: a delete by hand is noticed, nobody compacts until a
// person has said that it was meant, and a delete that nobody has noticed yet is
// found by the host right before the compact. Our own prunes are no such thing.
func TestVanishedArchives(t *testing.T) {
	t.Parallel()
	// A thief who comes right before the host looks: no list has seen it then.
	thief := filepath.Join(t.TempDir(), "thief")
	m := newMaintained(t, borgScript(t, `case " $* " in *" list "*) if [ -e `+thief+` ]; then
BORG_PASSPHRASE=p BORG_BASE_DIR=`+thief+`.borg $BORG delete "$(cat `+thief+`)"; rm `+thief+`; fi;; esac
exec $BORG "$@"
`)...)
	stream, err := m.API.Stream(t.Context(), "/api/events?type=repository", "")
	fatal(t, err)
	defer stream.Close()
	var made []testenv.Job
	for range 4 {
		made = append(made, backup(t, m.Env, m.repo))
	}
	byHost := func(args ...string) {
		t.Helper()
		if out, err := m.Hosts["host"].CLI(append([]string{"borg", "r", "--"}, args...)...); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	byHost("delete", "::"+made[0].ArchiveName)
	l := vanished(t, m.Env, m.repo, made[0].ArchiveName)
	if a := l.Vanished[0]; a.JobID != made[0].ID || time.Since(a.VanishedAt) > time.Minute || len(a.ID) != 64 {
		t.Errorf("%+v", a)
	}
	for e, err := stream.Next(); !strings.Contains(string(e.Data), `"archives_vanished":1`); e, err = stream.Next() {
		fatal(t, err)
	}
	m.names(made[1].ArchiveName, made[2].ArchiveName, made[3].ArchiveName)

	err = m.API.Post(fmt.Sprintf("/api/repositories/%d/compact", m.id), nil, nil)
	if p := wantProblem(t, "compact", err, http.StatusConflict); p.Code != "archives_vanished" || !strings.Contains(p.Detail, made[0].ArchiveName) {
		t.Errorf("%+v", p)
	}
	for _, args := range [][]string{{"repositories", "list"}, {"repositories", "show", "r"}} {
		if out, err := m.Controller.CLI(args...); err != nil || !strings.Contains(out, "1 archive has vanished") {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
	if out, err := m.Controller.CLI("archives", "list", "r"); err != nil || !strings.Contains(out, "VANISHED") || !strings.Contains(out, made[0].ArchiveName) {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := m.Controller.CLI("repositories", "acknowledge-vanished", "r", made[0].ArchiveName, "--yes"); err != nil || !strings.Contains(out, made[0].ArchiveName) {
		t.Errorf("%v\n%s", err, out)
	}
	vanished(t, m.Env, m.repo)

	// A backup goes on, and is in the way of nothing; a prune of ours is none of it.
	if j := m.run("prune", map[string]any{"keep_daily": 1}); j.Status != "completed" || *j.Deleted != 2 {
		t.Errorf("%+v", j)
	}
	m.names(made[3].ArchiveName)
	vanished(t, m.Env, m.repo)
	if j := m.run("compact", nil); j.Status != "completed" {
		t.Errorf("%+v", j)
	}
	m.settled()

	fatal(t, os.WriteFile(thief, []byte(m.repo+"::"+made[3].ArchiveName), 0o600))
	j := m.run("compact", nil)
	if j.Status != "failed" || j.ErrorCode != "archives_vanished" || !strings.Contains(j.ErrorMessage, made[3].ArchiveName) || j.Freed != nil {
		t.Errorf("%+v", j)
	}
	vanished(t, m.Env, m.repo, made[3].ArchiveName)
}

// settled waits until nothing is going on at the repository.
func (m *maintained) settled() {
	m.t.Helper()
	fatal(m.t, m.Await("nothing is going on", func() (bool, error) {
		var r struct {
			Has bool `json:"has_running_jobs"`
		}
		err := m.API.Get(fmt.Sprintf("/api/repositories/%d/running-jobs", m.id), &r)
		return !r.Has, err
	}))
}
