package recovery

import (
	"testing"

	"borgfleet/agent/internal/policy"
	"borgfleet/agent/internal/state"
	"borgfleet/shared/job"
	"borgfleet/shared/seal"
)

func key(t *testing.T) string {
	t.Helper()
	id, err := seal.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return id.Recipient()
}

// TestDue: a job is made only for what the owner wants sealed and lets be
// listed, until it was.
func TestDue(t *testing.T) {
	st, err := state.At(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w, first, second := Watch{State: st, ConfigFile: st.Config()}, key(t), key(t)
	repo := job.Repository{ID: 7, Path: "/srv/borg/r", Encryption: "repokey", BorgID: "ab", PassphraseSealed: []byte("sealed")}
	conf := func(change func(*policy.Config)) policy.Config {
		t.Helper()
		c := policy.Default()
		c.Allow.Repositories = []string{"/srv/borg/**"}
		change(&c)
		if err := c.Save(st.Config()); err != nil {
			t.Fatal(err)
		}
		return c
	}
	is := func(what string, repo job.Repository, want bool) {
		t.Helper()
		if mark, due := w.Due(repo); due != want || (mark != "") != want {
			t.Errorf("%s: due %v, mark %q", what, due, mark)
		}
	}
	sealed := func(c policy.Config) {
		t.Helper()
		n, ok := Wanted(c, repo)
		if !ok {
			t.Fatal("nothing is wanted")
		}
		n.BorgID = "of one that was made anew by hand"
		if err := (Memory{st.Recovery()}).Note(repo.ID, n); err != nil {
			t.Fatal(err)
		}
	}
	is("no configuration", repo, false)
	conf(func(*policy.Config) {})
	is("no key was accepted", repo, false)
	conf(func(c *policy.Config) { c.Allow.RecoveryKey = policy.NoRecoveryKey })
	is("none is wanted", repo, false)
	c := conf(func(c *policy.Config) { c.Allow.RecoveryKey = first })
	is("a key was accepted", repo, true)
	for what, change := range map[string]func(*job.Repository){
		"without encryption":     func(r *job.Repository) { r.Encryption = "none" },
		"not known yet":          func(r *job.Repository) { r.Encryption = "" },
		"the owner refuses that": func(r *job.Repository) { r.Path = "/elsewhere" },
	} {
		other := repo
		change(&other)
		is(what, other, false)
	}
	sealed(c)
	is("sealed", repo, false)
	changed := repo
	changed.PassphraseSealed = []byte("another one")
	is("another passphrase", changed, true)
	conf(func(c *policy.Config) { c.Allow.RecoveryKey = second })
	is("another recovery key", repo, true)

	own := func(c *policy.Config) {
		c.Allow.RecoveryKey = second
		c.SetRepository(policy.Repository{Location: repo.Path, PassphraseFile: "/pass"})
	}
	sealed(conf(own))
	is("the host's own passphrase, which is not sealed", repo, false)
	is("what the controller has does not matter then", changed, false)
	conf(func(c *policy.Config) { own(c); c.Allow.RecoveryPassphrases = true })
	is("and now it is to be", repo, true)
}
