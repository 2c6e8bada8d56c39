package jobproc

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"borgfleet/agent/internal/borg"
	"borgfleet/agent/internal/policy"
	"borgfleet/shared/job"
)

// tears is what a power cut makes of a file that was written without a sync.
var tears = map[string]func(path string, content []byte) error{
	"half": func(path string, content []byte) error {
		return os.WriteFile(path, content[:len(content)/2], 0o600)
	},
	"empty":   func(path string, _ []byte) error { return os.WriteFile(path, nil, 0o600) },
	"zeroes":  func(path string, content []byte) error { return os.WriteFile(path, make([]byte, len(content)), 0o600) },
	"missing": func(path string, _ []byte) error { return os.Remove(path) },
	"garbled": func(path string, content []byte) error {
		return os.WriteFile(path, bytes.Repeat([]byte{0xe9, 0x01, 0xa5}, len(content)/3+1)[:len(content)], 0o600)
	},
}

// cacheOf is the one cache below the agent's borg directories.
func (h *host) cacheOf(base string) string {
	h.t.Helper()
	dirs, err := filepath.Glob(filepath.Join(base, ".cache", "borg", strings.Repeat("[0-9a-f]", 64)))
	must(h.t, err)
	if len(dirs) != 1 {
		h.t.Fatalf("there are the caches %v", dirs)
	}
	return dirs[0]
}

func (h *host) tear(how, path string) {
	h.t.Helper()
	content, err := os.ReadFile(path)
	must(h.t, err)
	must(h.t, tears[how](path, content))
}

const healed = "was damaged, as after a power cut"

// TestATornCacheIsBuiltAgain: whatever a power cut made of a file in borg's
// cache, the next backup removes the cache and is run, once.
func TestATornCacheIsBuiltAgain(t *testing.T) {
	eachBorg(t, func(h *host) {
		repo := h.inited("a")
		h.files(20)
		h.backups(repo, 1)
		for _, c := range []struct {
			file, how string
			renewed   int
		}{
			{"config", "half", 1},
			{"config", "missing", 1}, // borg's own removal does not see such a cache
			{"chunks", "half", 1},
			{"chunks", "zeroes", 1},
			{"files", "garbled", 0}, // borg goes on without it
		} {
			h.tear(c.how, filepath.Join(h.cacheOf(h.st.BorgBase()), c.file))
			log := h.backup(repo)
			if said := strings.Count(log, healed); said != c.renewed {
				t.Errorf("%s %s: the log says %d times that the cache was removed:\n%s", c.file, c.how, said, log)
			}
		}
		if names := h.archives(repo); len(names) != 6 {
			t.Errorf("the archives are %v, want 6", names)
		}
	})
}

// backup makes a backup and returns its log.
func (h *host) backup(repo job.Repository) string {
	h.t.Helper()
	d, v := h.run(h.spec(job.Backup, repo))
	expect(h.t, h, v, job.Completed, "", "")
	return logText(h.log(d))
}

// backups makes a backup, of which there are then n, and returns its log.
func (h *host) backups(repo job.Repository, n int) string {
	h.t.Helper()
	log := h.backup(repo)
	if names := h.archives(repo); len(names) != n {
		h.t.Errorf("the archives are %v, want %d", names, n)
	}
	return log
}

// TestALookUpRenewsTheCache: an interrupted job is looked up with a torn cache.
func TestALookUpRenewsTheCache(t *testing.T) {
	eachBorg(t, func(h *host) {
		repo := h.inited("a")
		h.archive(repo)
		for _, how := range []string{"half", "missing"} {
			h.tear(how, filepath.Join(h.cacheOf(h.st.BorgBase()), "chunks"))
			d := h.interrupted(repo)
			expect(t, h, h.finish(d), job.CompletedWithWarnings, job.CodeStatusLost, "archive complete")
			if log := logText(h.log(d)); strings.Count(log, healed) != 1 {
				t.Errorf("%s: the log says:\n%s", how, log)
			}
		}
	})
}

// TestKilledWhileTheCacheIsRenewed: the next job process finds the start mark and
// borg's exit status, and begins again all the same. Without the status it is an
// interrupted job like any other, and its look-up renews the cache.
func TestKilledWhileTheCacheIsRenewed(t *testing.T) {
	t.Parallel()
	for _, point := range []string{PointExited, PointGivenUp, PointGivenBack} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			repo := h.inited("a")
			h.files(5)
			h.backups(repo, 1)
			h.tear("half", filepath.Join(h.cacheOf(h.st.BorgBase()), "chunks"))
			d := h.order(h.spec(job.Backup, repo))
			v := h.finish(d, envDieAt+"="+point)
			want := 2
			if point == PointExited {
				want = 1
				expect(t, h, v, job.Failed, job.CodeInterrupted, "no archive")
			} else {
				expect(t, h, v, job.Completed, "", "")
			}
			if log := logText(h.log(d)); !strings.Contains(log, healed) {
				t.Errorf("the log says:\n%s", log)
			}
			if n := len(h.archives(repo)); n != want {
				t.Errorf("%d archives, want %d", n, want)
			}
		})
	}
}

// TestTheAccountsOwnCacheIsNamed: a repository that was adopted with the
// account's own borg directories shares its cache with people.
func TestTheAccountsOwnCacheIsNamed(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	repo := h.inited("a")
	repo.AccountDirs = true
	h.env = append(h.env, "HOME="+h.path("home"))
	h.files(5)
	h.byHand("create", repo.Path+"::by-hand", h.path("src"))
	h.tear("half", filepath.Join(h.cacheOf(h.path("home")), "chunks"))
	d, v := h.run(h.spec(job.Backup, repo))
	expect(t, h, v, job.Completed, "", "")
	if log := logText(h.log(d)); !strings.Contains(log, "that this account's own borg uses, too, "+healed) {
		t.Errorf("the log does not say whose cache it was:\n%s", log)
	}
}

// withoutDeletes is a real borg that answers borg delete with an error, as often
// as count says.
func (h *host) withoutDeletes(count, msgid, message string) {
	h.t.Helper()
	h.tool = h.path("borg")
	left := h.path("refusals")
	h.write(left, count)
	must(h.t, os.WriteFile(h.tool, fmt.Appendf(nil, `#!/bin/sh
n=$(cat %[1]s)
case " $* " in *" delete "*)
	if [ "$n" -gt 0 ]; then
		echo $((n-1)) >%[1]s
		echo '{"type": "log_message", "time": 1, "message": "%[3]s", "levelname": "ERROR", "name": "borg.archiver", "msgid": "%[2]s"}' >&2
		exit 2
	fi
esac
exec borg "$@"
`, left, msgid, message), 0o700))
	h.configure(func(*policy.Config) {})
}

// TestSomebodyInTheRepositoryKeepsTheCache: another borg of this host may have it
// open. The job waits as for any lock.
func TestSomebodyInTheRepositoryKeepsTheCache(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	repo := h.inited("a")
	h.files(5)
	h.backups(repo, 1)
	h.tear("half", filepath.Join(h.cacheOf(h.st.BorgBase()), "chunks"))
	h.withoutDeletes("2", "LockTimeout", "Failed to create/acquire the lock x (timeout).")
	d, v := h.run(h.spec(job.Backup, repo))
	expect(t, h, v, job.Completed, "", "")
	log := logText(h.log(d))
	if strings.Count(log, "Waiting for the repository's lock") != 2 || strings.Count(log, healed+" (ValueError") != 1 {
		t.Errorf("the log says:\n%s", log)
	}
}

// TestACacheThatCannotBeRemoved: the job fails, and says what to do.
func TestACacheThatCannotBeRemoved(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	repo := h.inited("a")
	h.files(5)
	h.backups(repo, 1)
	cache := h.cacheOf(h.st.BorgBase())
	h.tear("missing", filepath.Join(cache, "chunks"))
	h.withoutDeletes("1", "Exception", "Local Exception")
	_, v := h.run(h.spec(job.Backup, repo))
	expect(t, h, v, job.Failed, borg.CodeCacheDamaged, "could not be removed: Local Exception; remove "+cache+" by hand")
	log := h.backups(repo, 2)
	if !strings.Contains(log, healed) {
		t.Errorf("the log says:\n%s", log)
	}
}
