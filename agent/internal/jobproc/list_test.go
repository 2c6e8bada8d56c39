package jobproc

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"borgfleet/agent/internal/borg"
	"borgfleet/agent/internal/jobdir"
	"borgfleet/shared/job"
	"borgfleet/shared/wire"
)

// listed are the archives in a job's log.
func (h *host) listed(d *jobdir.Dir) []job.Archive {
	h.t.Helper()
	var out []job.Archive
	for _, r := range h.log(d) {
		if len(r.Data) == 0 {
			continue
		}
		a, err := wire.DecodeArchive(r.Data)
		must(h.t, err)
		if r.Source != "borg" || !strings.Contains(r.Text, a.ID) {
			h.t.Errorf("record %+v", r)
		}
		out = append(out, a)
	}
	return out
}

func (h *host) list(repo job.Repository, env ...string) (*jobdir.Dir, job.Verdict) {
	h.t.Helper()
	d := h.order(h.spec(job.List, repo))
	return d, h.finish(d, env...)
}

// TestListTellsArchives, with names that no string can hold, and without what
// borg made in passing.
func TestListTellsArchives(t *testing.T) {
	eachBorg(t, func(h *host) {
		repo := h.inited("a")
		h.file("src/a", "x")
		h.borg("create", repo.Path+"::plain ü", h.path("src"))
		h.borg("create", repo.Path+"::other.checkpoint", h.path("src"))
		h.borg("create", repo.Path+"::b", h.path("src"))
		h.borg("rename", repo.Path+"::b", "bad\xff\xe4 n\x01\"me💾")
		d, v := h.list(repo)
		if v.Status != job.Completed || v.Encryption != "repokey-blake2" || len(v.BorgID) != 64 || v.LastModified.IsZero() || !v.Undisturbed {
			h.t.Fatalf("verdict %+v\n%s", v, logText(h.log(d)))
		}
		got := h.listed(d)
		if len(got) != 2 {
			h.t.Fatalf("archives %+v", got)
		}
		if a := got[0]; a.Name != "plain ü" || a.RawName != "" || len(a.ID) != 64 || a.Start.IsZero() {
			h.t.Errorf("%+v", a)
		}
		raw := base64.StdEncoding.EncodeToString([]byte("bad\xff\xe4 n\x01\"me💾"))
		if a := got[1]; a.Name != "bad?? n\x01\"me💾" || a.RawName != raw {
			h.t.Errorf("%+v", a)
		}
	})
}

// TestAListIsToldOnce, also when its job process dies over it.
func TestAListIsToldOnce(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	repo := h.inited("a")
	h.file("src/a", "x")
	h.borg("create", repo.Path+"::one", h.path("src"))
	h.borg("create", repo.Path+"::two", h.path("src"))
	for _, point := range []string{PointExited, PointJudged} {
		d, v := h.list(repo, envDieAt+"="+point)
		if v.Status == job.Failed && point == PointExited {
			continue // the exit status went with it, and nothing was told
		}
		if got := h.listed(d); v.Status != job.Completed || len(got) != 2 || v.Encryption == "" {
			t.Errorf("died at %s: %+v, %+v", point, v, got)
		}
	}
}

func TestListsThatFail(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		make func(h *host) job.Repository
		code string
		says string
	}{
		"no repository":  {func(h *host) job.Repository { return h.repo("a") }, borg.CodeRepoNotFound, ""},
		"no passphrase":  {func(h *host) job.Repository { r := h.inited("a"); r.PassphraseSealed = nil; return r }, borg.CodePassphraseAbsent, "agent.yaml"},
		"something else": {func(h *host) job.Repository { h.file("repos/a/file", "x"); return h.repo("a") }, borg.CodeRepoInvalid, ""},
		"no key": {func(h *host) job.Repository {
			r := h.repo("a")
			must(h.t, os.MkdirAll(filepath.Dir(r.Path), 0o700))
			h.byHand("init", "-e", "keyfile", r.Path)
			return r
		}, borg.CodeKeyProblem, ""},
		"unknown and not encrypted": {func(h *host) job.Repository {
			r := h.repo("a")
			must(h.t, os.MkdirAll(filepath.Dir(r.Path), 0o700))
			h.byHand("init", "-e", "none", r.Path)
			r.Encryption = ""
			return r
		}, borg.CodeRepoUntrusted, "encryption none"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			d, v := h.list(c.make(h))
			expect(t, h, v, job.Failed, c.code, c.says)
			if got := h.listed(d); len(got) > 0 {
				t.Errorf("it tells %+v", got)
			}
		})
	}
}
