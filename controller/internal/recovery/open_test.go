package recovery

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"borgfleet/shared/job"
	"borgfleet/shared/seal"
)

var borgID = strings.Repeat("0f", 32)

func newKey(t *testing.T) *seal.Identity {
	t.Helper()
	id, err := seal.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// copied is a copy for the host a1's /srv/r, at an hour.
func copied(t *testing.T, to *seal.Identity, hour int, change func(*seal.Copy)) job.Recovery {
	t.Helper()
	c := seal.Copy{
		Agent: "a1", Location: job.Location("/srv/r", "a1"), Path: "/srv/r", Encryption: "keyfile", BorgID: borgID,
		Passphrase: fmt.Appendf(nil, "pass %d", hour), Key: fmt.Appendf(nil, "key %d", hour),
	}
	if change != nil {
		change(&c)
	}
	sealed, err := seal.SealCopy(to.Recipient(), c)
	if err != nil {
		t.Fatal(err)
	}
	return job.Recovery{Recipient: to.Recipient(), Sealed: sealed, SealedAt: time.Unix(int64(hour)*3600, 0), Key: true, Passphrase: true}
}

func TestOpen(t *testing.T) {
	key, other := newKey(t), newKey(t)
	given, err := seal.Seal(newKey(t).Recipient(), "a1", job.Location("/srv/r", "a1"), []byte("given"), key.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	good1, good2 := copied(t, key, 1, nil), copied(t, key, 2, nil)
	garbage := job.Recovery{Recipient: key.Recipient(), Sealed: []byte("garbage"), SealedAt: time.Unix(1e9, 0)}
	cases := map[string]struct {
		copies           []job.Recovery
		given            []byte
		first            bool
		pass, key, notes string
		err              string
	}{
		"the newest":              {copies: []job.Recovery{good1, good2}, pass: "pass 2", key: "key 2"},
		"the first":               {copies: []job.Recovery{good1, good2}, first: true, pass: "pass 1", key: "key 1"},
		"garbage is left aside":   {copies: []job.Recovery{good1, garbage}, pass: "pass 1", key: "key 1", notes: "was left aside"},
		"another agent's":         {copies: []job.Recovery{good1, copied(t, key, 3, func(c *seal.Copy) { c.Agent = "a2" })}, pass: "pass 1", key: "key 1", notes: `the agent "a2"`},
		"another location's":      {copies: []job.Recovery{good1, copied(t, key, 3, func(c *seal.Copy) { c.Location = "a1:/srv/x" })}, pass: "pass 1", key: "key 1", notes: `the location "a1:/srv/x"`},
		"another repository's":    {copies: []job.Recovery{good1, copied(t, key, 3, func(c *seal.Copy) { c.BorgID = strings.Repeat("1e", 32) })}, pass: "pass 1", key: "key 1", notes: "which is not the one that is registered"},
		"the host's passphrase":   {copies: []job.Recovery{copied(t, key, 3, func(c *seal.Copy) { c.Passphrase = nil })}, key: "key 3"},
		"and one that was given":  {copies: []job.Recovery{copied(t, key, 3, func(c *seal.Copy) { c.Passphrase = nil })}, given: given, pass: "given", key: "key 3"},
		"only what was given":     {given: given, pass: "given"},
		"given for another agent": {copies: []job.Recovery{good1}, given: []byte("x"), pass: "pass 1", key: "key 1"},
		"another key":             {copies: []job.Recovery{copied(t, other, 1, nil)}, err: "it is sealed to " + other.Fingerprint()},
		"nothing":                 {err: "opens nothing of the repository r"},
	}
	for name, c := range cases {
		got, err := Open(key, Held{ID: 7, Name: "r", Path: "/srv/r", AgentID: "a1", BorgID: borgID, Copies: c.copies, PassphraseSealed: c.given}, c.first)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		notes := strings.Join(got.Notes, "|")
		if err != nil || string(got.Passphrase) != c.pass || string(got.Key) != c.key || !strings.Contains(notes, c.notes) || (notes == "") != (c.notes == "") {
			t.Errorf("%s: %q %q %q, %v", name, got.Passphrase, got.Key, notes, err)
		}
		if strings.Contains(fmt.Sprintf("%v %+v %#v", got, got, got), "pass ") {
			t.Errorf("%s: it prints the passphrase", name)
		}
	}
}

func TestSave(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "er's")
	o := Opened{Passphrase: []byte("correct horse "), Key: []byte("BORG_KEY 0f\nab\n")}
	f, err := o.Save(dir)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{f.Passphrase: "correct horse ", f.Key: "BORG_KEY 0f\nab\n"} {
		data, err := os.ReadFile(path)
		info, _ := os.Stat(path)
		if err != nil || string(data) != want || info.Mode().Perm() != 0o600 || filepath.Dir(path) != dir {
			t.Errorf("%s: %q %v %v", path, data, info.Mode(), err)
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if _, err := o.Save(dir); err == nil || !strings.Contains(err.Error(), "nothing is written over") {
		t.Errorf("over what is there: %v", err)
	}
	got := strings.Join(Commands(Held{Path: "ssh://bk@host/./it's", Encryption: "keyfile-blake2"}, Files{Passphrase: "/root/a b/passphrase", Key: "/root/a b/borg-key"}), "\n")
	want := strings.Join([]string{
		`export BORG_PASSCOMMAND='cat '\''/root/a b/passphrase'\'''`,
		`borg key import 'ssh://bk@host/./it'\''s' '/root/a b/borg-key'`,
		`borg list 'ssh://bk@host/./it'\''s'`,
		`borg extract --sparse 'ssh://bk@host/./it'\''s::ARCHIVE'`,
	}, "\n")
	if got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if auth := Commands(Held{Path: "/r", Encryption: "authenticated-blake2"}, Files{}); auth[0] != "export BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes" {
		t.Errorf("%q", auth)
	}
	if repo := Commands(Held{Path: "/r", Encryption: "repokey"}, Files{Key: "/k"}); len(repo) != 2 || strings.Contains(strings.Join(repo, " "), "import") {
		t.Errorf("a repository with its key in itself: %q", repo)
	}
}
