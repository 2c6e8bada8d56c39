package e2e

import (
	"encoding/json"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"borgfleet/scripts/testenv"
)

// byHand runs borg as the person who has the account that the agents run as:
// with its keys and caches, and nothing of ours.
func byHand(t *testing.T, env *testenv.Env, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("borg", args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Join(env.Dir, "home"), "BORG_PASSPHRASE=by hand", "TZ=UTC", "LANG=C.UTF-8"}
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("borg %v: %v\n%s", args, err, errs.String())
	}
	return out
}

// archiveList is an answer of archives/list; what borg's own list has of it is
// kept as it came.
type archiveList struct {
	Archives struct {
		Archives   []map[string]any `json:"archives"`
		Repository map[string]any   `json:"repository"`
		Encryption struct{ Mode string }
	}
	AsOf time.Time `json:"as_of"`
}

func (l archiveList) names() (names []string) {
	for _, a := range l.Archives.Archives {
		names = append(names, a["name"].(string))
	}
	return names
}

func listed(t *testing.T, env *testenv.Env, repo string) (l archiveList) {
	t.Helper()
	fatal(t, env.API.Get("/api/archives/list?repository="+url.QueryEscape(repo), &l))
	return l
}

// difference says where an answer differs from borg's own.
func (l archiveList) difference(t *testing.T, own []byte) string {
	t.Helper()
	var borg archiveList
	if err := json.Unmarshal(own, &borg.Archives); err != nil {
		t.Fatalf("%v in %s", err, own)
	}
	for _, a := range l.Archives.Archives {
		for _, ours := range []string{"job_id", "original_size", "nfiles"} {
			delete(a, ours)
		}
	}
	// borg sorts by fractions of a second that it does not tell.
	for _, list := range []archiveList{l, borg} {
		slices.SortFunc(list.Archives.Archives, func(a, b map[string]any) int { return strings.Compare(a["id"].(string), b["id"].(string)) })
	}
	if !reflect.DeepEqual(l.Archives, borg.Archives) {
		got, _ := json.Marshal(l.Archives)
		return string(got) + "\nis not what borg says:\n" + string(own)
	}
	return ""
}

// TestCatalogueStaysTrue: an adopted repository's list is borg's own, after
// backups, after archives were made and deleted by hand, and after the host was
// away meanwhile. At no moment does it claim to be newer than what it says.
func TestCatalogueStaysTrue(t *testing.T) {
	t.Parallel()
	env := oneHost(t)
	source, repo, pass := tree(t, 5), filepath.Join(env.Repositories(), "r"), filepath.Join(env.Dir, "passphrase")
	byHand(t, env, "init", "-e", "keyfile-blake2", repo)
	byHand(t, env, "create", repo+"::one", source)
	byHand(t, env, "create", repo+"::two", source)
	fatal(t, os.WriteFile(pass, []byte("by hand\n"), 0o600))
	if out, err := env.Hosts["host"].CLI("adopt", repo, "--passphrase-file", pass); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	fatal(t, env.API.Post("/api/repositories/import", map[string]any{"name": "r", "path": repo, "source_directories": []string{source}}, nil))

	if d := listed(t, env, repo).difference(t, byHand(t, env, "list", "--json", repo)); d != "" {
		t.Errorf("adopted: %s", d)
	}
	began := time.Now().Truncate(time.Second)
	j := backup(t, env, repo)
	if l := listed(t, env, repo); !slices.Equal(l.names(), []string{"one", "two", j.ArchiveName}) || l.AsOf.Before(began) {
		t.Errorf("after a backup, as of %s: %v", l.AsOf, l.names())
	}

	// becomes waits until the list is borg's; until then it must not say that
	// it is as of a moment after the change.
	becomes := func(when string, changed time.Time) {
		t.Helper()
		own := byHand(t, env, "list", "--json", repo)
		fatal(t, env.Await(when+": the list is true", func() (bool, error) {
			l := listed(t, env, repo)
			d := l.difference(t, own)
			if d != "" && l.AsOf.After(changed) {
				t.Fatalf("%s: it was changed at %s, and as of %s %s", when, changed, l.AsOf, d)
			}
			return d == "" && !l.AsOf.Before(changed.Truncate(time.Second)), nil
		}))
	}
	byHand(t, env, "create", repo+"::by-hand", source)
	byHand(t, env, "delete", repo+"::one")
	becomes("noticed by itself", time.Now())

	env.Proxy.Cut()
	_, err := env.AwaitJob(j.ID, "its host is away", func(j testenv.Job) bool { return !j.AgentOnline })
	fatal(t, err)
	before := listed(t, env, repo)
	byHand(t, env, "delete", repo+"::two")
	changed := time.Now()
	if l := listed(t, env, repo); !reflect.DeepEqual(l, before) || l.AsOf.After(changed) {
		t.Errorf("with the host away, as of %s: %v; before that as of %s: %v", l.AsOf, l.names(), before.AsOf, before.names())
	}
	env.Proxy.Restore()
	// A backup must not move as_of past what it cannot know of.
	last := backup(t, env, repo)
	becomes("after its return", changed)
	got := listed(t, env, repo).names()
	if slices.Sort(got); !slices.Equal(got, []string{"by-hand", j.ArchiveName, last.ArchiveName}) {
		t.Errorf("in the end there are %v", got)
	}
}

// TestARenamedHostKeepsItsArchives: its backups match its registration's pattern,
// before and after.
func TestARenamedHostKeepsItsArchives(t *testing.T) {
	t.Parallel()
	env := oneHost(t)
	repo := register(t, env, repository{Name: "r", Sources: []string{tree(t, 5)}})
	names := []string{backup(t, env, repo).ArchiveName}
	fatal(t, env.API.Do("PATCH", "/api/agents/host", map[string]any{"name": "other"}, nil))
	names = append(names, backup(t, env, repo).ArchiveName)
	var own archiveList
	fatal(t, env.API.Get("/api/archives/list?refresh=true&matching=true&repository="+url.QueryEscape(repo), &own))
	if got := own.names(); !slices.Equal(got, names) {
		t.Errorf("%v match, want %v", got, names)
	}
}
