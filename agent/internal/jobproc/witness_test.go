package jobproc

import (
	"os"
	"testing"

	"borgfleet/agent/internal/borg"
	"borgfleet/agent/internal/jobdir"
	"borgfleet/agent/internal/policy"
	"borgfleet/agent/internal/witness"
	"borgfleet/shared/job"
)

// seen is what the daemon would see.
func (h *host) seen(what string, repo job.Repository, want witness.Change) {
	h.t.Helper()
	w := witness.Watch{State: h.st, Identity: h.id, ConfigFile: h.st.Config()}
	if got, mark := w.Look(repo); got != want {
		known, _ := witness.Memory{Dir: h.st.Known()}.Known(repo.ID)
		h.t.Errorf("%s: change %d, want %d\nis    %s\nknown %+v", what, got, want, mark, known)
	}
}

func (h *host) backedUp(what string, repo job.Repository, undisturbed bool) {
	h.t.Helper()
	d, v := h.run(h.spec(job.Backup, repo))
	if v.Status != job.Completed || v.Undisturbed != undisturbed {
		h.t.Errorf("%s: undisturbed %v, %s %s\n%s", what, v.Undisturbed, v.Status, v.ErrorMessage, logText(h.log(d)))
	}
}

// TestChangesByHand: what others change is seen until it has been listed, what
// this agent changes is not, and neither is what changes nothing.
func TestChangesByHand(t *testing.T) {
	eachCase(t, []string{"repokey-blake2", "none", "keyfile"}, func(h *host, mode string) {
		repo := h.repo("a")
		repo.Encryption = mode
		h.files(5)
		hand := h.borg // with the agent's directories, another borg of its account's otherwise
		if mode == "keyfile" {
			repo = h.usedByHand("a", mode)
			// This test's own process, which looks, has another HOME.
			h.configure(func(c *policy.Config) {
				c.SetRepository(policy.Repository{Location: repo.Path, BorgBaseDir: h.path("home")})
			})
			repo.AccountDirs, hand = true, h.byHand
			h.seen("adopted", repo, witness.Unknown)
			h.list(repo)
		} else if _, v := h.run(h.spec(job.Init, repo)); v.Status != job.Completed {
			h.t.Fatalf("%+v", v)
		}
		h.seen("new", repo, witness.None)
		h.backedUp("first backup", repo, true)
		h.seen("backed up", repo, witness.None)

		hand("list", repo.Path)
		hand("info", repo.Path)
		hand("check", repo.Path)
		hand("break-lock", repo.Path)
		h.seen("read by hand", repo, witness.None)

		hand("create", repo.Path+"::hand", h.path("src"))
		h.seen("created by hand", repo, witness.Changed)
		h.backedUp("backup after that", repo, false)
		h.seen("and still not listed", repo, witness.Changed)
		h.list(repo)
		h.seen("listed", repo, witness.None)
		h.backedUp("backup after the list", repo, true)

		hand("delete", repo.Path+"::hand")
		h.seen("deleted by hand", repo, witness.Changed)
		h.list(repo)
		hand("prune", "--keep-last=1", repo.Path)
		h.seen("pruned by hand", repo, witness.Changed)
		h.list(repo)
		hand("compact", repo.Path)
		h.seen("compacted by hand", repo, witness.Changed)
	})
}

// TestOthersDirectories: who writes with other borg directories is seen too.
func TestOthersDirectories(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	repo := h.repo("a")
	h.run(h.spec(job.Init, repo))
	h.files(2)
	h.byHand("create", repo.Path+"::hand", h.path("src"))
	h.seen("created", repo, witness.Changed)
	h.backedUp("backup", repo, false)
	h.list(repo)
	h.seen("listed", repo, witness.None)
}

// TestOwnBadEnds are not taken for changes by hand.
func TestOwnBadEnds(t *testing.T) {
	t.Parallel()
	ready := func(t *testing.T) (*host, job.Repository) {
		h := newHost(t)
		repo := h.repo("a")
		h.run(h.spec(job.Init, repo))
		return h, repo
	}
	t.Run("cancelled", func(t *testing.T) {
		t.Parallel()
		h, repo := ready(t)
		repo.CheckpointInterval = 1e9 // with checkpoints, which are written
		h.big(64 << 30)
		d := h.order(h.spec(job.Backup, repo))
		cmd := h.spawn(d)
		await(t, "a checkpoint", func() bool {
			f, _, err := witness.Look(borg.Host{BaseDir: h.st.BorgBase()}, repo.Path, "")
			return err == nil && f.Number > 5
		})
		must(t, d.SetDesired(jobdir.Cancel))
		must(t, cmd.Wait())
		expect(t, h, h.verdict(d), job.Cancelled, job.CodeCancelled, "")
		h.seen("cancelled", repo, witness.None)
	})
	t.Run("without its job process", func(t *testing.T) {
		t.Parallel()
		h, repo := ready(t)
		h.files(200)
		d := h.order(h.spec(job.Backup, repo))
		if v := h.finish(d, envDieAt+"="+PointExecuted); !v.Status.Good() || !v.Undisturbed {
			t.Errorf("%+v", v)
		}
		h.seen("gone on alone", repo, witness.None)
	})
	t.Run("killed", func(t *testing.T) {
		t.Parallel()
		h, repo := ready(t)
		h.big(64 << 30)
		d := h.order(h.spec(job.Backup, repo))
		cmd := h.spawn(d)
		await(t, "borg to read", func() bool { r, _ := d.Register(); return r.Progress.OriginalSize > 0 })
		h.killBorg(d)
		cmd.Wait()
		h.seen("killed", repo, witness.None)
	})
}

// TestByHandBeforeTheNextJobProcess: what others change after borg has ended is
// not this job's own, though its verdict is still to be written.
func TestByHandBeforeTheNextJobProcess(t *testing.T) {
	for _, at := range []string{PointExecuted, PointExited, PointJudged} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			repo := h.repo("a")
			h.run(h.spec(job.Init, repo))
			h.files(20)
			h.backedUp("first", repo, true)
			old := h.archives(repo)
			d := h.order(h.spec(job.Backup, repo))
			h.spawn(d, envDieAt+"="+at).Wait()
			await(t, "borg's end", func() bool { return !d.BorgRunning() })
			h.borg("delete", repo.Path+"::"+old[0])
			if v := h.finish(d); v.Undisturbed || !v.Status.Good() {
				t.Errorf("%+v", v)
			}
			h.seen("deleted before the verdict", repo, witness.Changed)
		})
	}
}

// onServer is a repository on a server, and the place where it really lies.
func (h *host) onServer(name string) (repo job.Repository, local string) {
	h.t.Helper()
	h.file("fakessh", "#!/bin/sh\nwhile :; do case $1 in -o*) shift;; *) break;; esac; done\nshift\nexec \"$@\"\n")
	must(h.t, os.Chmod(h.path("fakessh"), 0o755))
	repo = h.repo(name)
	local = repo.Path
	repo.Path = "ssh://server" + repo.Path
	repo.PassphraseSealed = h.sealFor(h.id.AgentID, repo.Path)
	h.configure(func(c *policy.Config) {
		must(h.t, c.Allow.AddRepository("ssh://server"+h.root+"/**"))
		c.SSH.Command = []string{h.path("fakessh")}
	})
	_, v := h.run(h.spec(job.Init, repo))
	if v.Status != job.Completed {
		h.t.Fatalf("%+v", v)
	}
	return repo, local
}

// TestOnAServer nothing can be looked at but borg's own memory.
func TestOnAServer(t *testing.T) {
	eachBorg(t, func(h *host) {
		repo, local := h.onServer("a")
		h.files(3)
		h.seen("new", repo, witness.None)
		h.backedUp("backup", repo, true)
		h.byHand("create", local+"::other-host", h.path("src"))
		h.seen("out of sight", repo, witness.None)
		h.backedUp("but borg tells", repo, false)
		h.seen("and now it is known", repo, witness.Changed)
		h.list(repo)
		h.seen("listed", repo, witness.None)
		h.backedUp("as before", repo, true)
	})
}

// TestEmptiedOnAServer: that every archive is gone is seen too, though borg then
// has nothing to tell about its cache.
func TestEmptiedOnAServer(t *testing.T) {
	eachBorg(t, func(h *host) {
		repo, local := h.onServer("a")
		h.files(3)
		h.backedUp("backup", repo, true)
		h.backedUp("another one", repo, true)
		h.byHand("delete", "--glob-archives=*", local)
		if left := h.byHand("list", "--short", local); len(left) > 0 {
			h.t.Fatalf("left: %s", left)
		}
		h.backedUp("after that", repo, false)
		h.seen("and now it is known", repo, witness.Changed)
		h.list(repo)
		h.backedUp("as before", repo, true)
	})
}
