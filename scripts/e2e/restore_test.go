package e2e

import (
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"borgfleet/scripts/heldborg"
	"borgfleet/scripts/testenv"
	"borgfleet/scripts/treecmp"
)

// restoring is a fleet whose host lets restores go below out, with an archive of
// source.
type restoring struct {
	*testenv.Env
	t       *testing.T
	out     string
	source  string
	archive string
}

func newRestoring(t *testing.T, source string, more ...string) *restoring {
	t.Helper()
	r := &restoring{t: t, source: source, out: filepath.Join(t.TempDir(), "out")}
	fatal(t, os.Mkdir(r.out, 0o755))
	r.Env = newFleet(t, testenv.Fleet{
		Controller: []string{"--log-policy", "all"},
		Agents:     []testenv.Agent{{Name: "host", Allow: []string{"--allow-destination", r.out}, Env: more}},
	})
	j := backup(t, r.Env, register(t, r.Env, repository{Name: "r", Encryption: "repokey-blake2", Passphrase: "p", Sources: []string{source}}))
	if j.Status != "completed" {
		t.Fatalf("%+v", j)
	}
	r.archive = j.ArchiveName
	return r
}

// start starts a restore with REST; paths as in the archive, any bytes.
func (r *restoring) start(to string, paths ...string) int64 {
	r.t.Helper()
	var encoded []string
	for _, p := range paths {
		encoded = append(encoded, base64.StdEncoding.EncodeToString([]byte(p)))
	}
	body := map[string]any{"repository": "r", "archive": r.archive, "destination": to}
	if len(encoded) > 0 {
		body["paths_base64"] = encoded
	}
	var out struct {
		ID int64 `json:"job_id"`
	}
	fatal(r.t, r.API.Post("/api/restore/start", body, &out))
	return out.ID
}

func (r *restoring) finish(id int64) testenv.Job {
	r.t.Helper()
	j, err := r.Finish(id)
	fatal(r.t, err)
	return j
}

// same compares a path of this host with what was restored of it. Its parents
// are restored too; their times are not compared.
func (r *restoring) same(path, to string) {
	r.t.Helper()
	seen, differences := treecmp.Compare(path, filepath.Join(to, path), treecmp.Options{Owners: os.Geteuid() == 0})
	for _, d := range differences {
		r.t.Error(d)
	}
	if seen == 0 {
		r.t.Error("nothing was compared")
	}
}

// well says whether a restore has ended as well as it can: without root's rights
// owners are not restored, and the end says so.
func well(j testenv.Job) bool {
	return j.Status == "completed" || os.Geteuid() != 0 && j.Status == "completed_with_warnings" && strings.Contains(j.ErrorMessage, "owners are not restored")
}

// TestRestoreIsTrue: what comes back is what was there, whether REST or the host
// itself asks for it, all of it or one file with a name that is no text.
func TestRestoreIsTrue(t *testing.T) {
	t.Parallel()
	source := t.TempDir()
	fatal(t, treecmp.Zoo(source))
	r := newRestoring(t, source)
	rest, own, one := filepath.Join(r.out, "rest"), filepath.Join(r.out, "own"), filepath.Join(r.out, "one")

	if j := r.finish(r.start(rest)); !well(j) || j.ArchiveName != r.archive || j.Progress != 100 {
		t.Errorf("%+v", j)
	}
	r.same(source, rest)

	out, err := r.Hosts["host"].CLI("restore", "r", r.archive, "--to", own, "--follow")
	if err != nil && os.Geteuid() == 0 {
		t.Errorf("%v\n%s", err, out)
	}
	r.same(source, own)

	odd := filepath.Join(source, "names", "bad\xff\xfeutf")
	if j := r.finish(r.start(one, odd)); !well(j) || j.Details.NFiles != 1 {
		t.Errorf("%+v", j)
	}
	r.same(odd, one)
}

// TestRestoreIsRefused: outside of what the host's owner allows nothing is
// written, whoever asks, and the answer names the rule and what would allow it.
func TestRestoreIsRefused(t *testing.T) {
	t.Parallel()
	r := newRestoring(t, tree(t, 3))
	host, outside := r.Hosts["host"], filepath.Join(r.Dir, "outside")
	fatal(t, os.Mkdir(outside, 0o755))
	fatal(t, os.Symlink(outside, filepath.Join(r.out, "link")))
	for _, tt := range []struct{ to, rule, command string }{
		{outside, "allow.destinations", "borgfleet-agent allow --destination " + outside},
		{filepath.Join(outside, "new"), "allow.destinations", "borgfleet-agent allow --destination " + outside + "/new"},
		{filepath.Join(r.out, "link/new"), "allow.destinations", "borgfleet-agent allow --destination " + outside + "/new"},
		{filepath.Join(r.out, "../outside"), "allow.destinations", "borgfleet-agent allow --destination "},
		{host.StateDir, "state directory", ""},
		{filepath.Join(host.StateDir, "jobs/new"), "state directory", ""},
		{filepath.Join(r.Repositories(), "r/data"), "repository", ""},
	} {
		before := entries(t, filepath.Dir(tt.to))
		j := r.finish(r.start(tt.to))
		out, err := host.CLI("restore", "r", r.archive, "--to", tt.to, "--follow")
		if err == nil {
			t.Fatalf("%s: the host's own command went well", tt.to)
		}
		for who, said := range map[string]string{"REST": j.ErrorMessage, "the command line": strings.Join(strings.Fields(out), " ")} {
			if !strings.Contains(said, "("+tt.rule+")") || !strings.Contains(said, tt.command) {
				t.Errorf("%s: %s says %q, want the rule %s and %q", tt.to, who, said, tt.rule, tt.command)
			}
		}
		if j.Status != "failed" || j.ErrorCode != "policy_refused" {
			t.Errorf("%s: %s %s", tt.to, j.Status, j.ErrorCode)
		}
		if after := entries(t, filepath.Dir(tt.to)); tt.rule != "state directory" && !slices.Equal(after, before) {
			t.Errorf("%s: there were %v, there are %v", tt.to, before, after)
		}
	}
	if got := entries(t, outside); len(got) != 0 {
		t.Errorf("outside there is %v", got)
	}
}

func entries(t *testing.T, dir string) (names []string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

// held is a fleet with a restore that waits in its middle.
func held(t *testing.T, files int) (r *restoring, borg heldborg.Held, to string, id int64) {
	t.Helper()
	real, err := exec.LookPath("borg")
	fatal(t, err)
	borg, err = heldborg.New(t.TempDir(), real, files/2)
	fatal(t, err)
	r = newRestoring(t, tree(t, files), "PATH="+borg.Dir+":"+os.Getenv("PATH"))
	to = filepath.Join(r.out, "new")
	id = r.start(to)
	fatal(t, r.Await("borg waits in the middle of the restore", func() (bool, error) { return borg.Waits(), nil }))
	return r, borg, to, id
}

// TestRestoreCancel: borg is gone when the answer says so, and the end says what
// stays.
func TestRestoreCancel(t *testing.T) {
	t.Parallel()
	r, _, to, id := held(t, 200)
	var out struct {
		Terminated bool `json:"process_terminated"`
	}
	fatal(t, r.API.Post("/api/backup/cancel/"+itoa(id), nil, &out))
	if left := r.Hosts["host"].Borgs(); !out.Terminated || len(left) > 0 {
		t.Errorf("borg is said to be gone: %v; it runs: %v", out.Terminated, left)
	}
	if j := r.finish(id); j.Status != "cancelled" || !strings.Contains(j.ErrorMessage, "stay in "+to) || j.Details.NFiles < 50 || j.Details.NFiles >= 200 {
		t.Errorf("%+v", j)
	}
}

// TestRestoreGoesOnWithoutTheController, which is killed in its middle; its true
// end arrives.
func TestRestoreGoesOnWithoutTheController(t *testing.T) {
	t.Parallel()
	r, borg, to, id := held(t, 200)
	fatal(t, r.Controller.Kill())
	fatal(t, borg.GoOn())
	if out, err := r.Hosts["host"].CLI("logs", itoa(id), "-f"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	r.same(r.source, to)
	fatal(t, r.Controller.Start())
	if j := r.finish(id); !well(j) || j.Details.NFiles != 200 {
		t.Errorf("%+v", j)
	}
	lines, err := r.API.Lines(id)
	fatal(t, err)
	for i, l := range lines {
		if l.Number != uint64(i+1) {
			t.Fatalf("line %d has number %d", i+1, l.Number)
		}
	}
	if len(lines) == 0 {
		t.Error("there is no log")
	}
}
