package jobproc

import (
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"borgfleet/agent/internal/borg"
	"borgfleet/agent/internal/jobdir"
	"borgfleet/agent/internal/policy"
	"borgfleet/shared/job"
)

// depths are those of a check, with what its log says of each part that borg can
// look at.
var depths = map[job.CheckDepth]map[string]bool{
	job.CheckAll:        {saysSegments: true, saysArchives: true},
	job.CheckRepository: {saysSegments: true},
	job.CheckArchives:   {saysArchives: true},
	job.CheckData:       {saysSegments: true, saysArchives: true, saysData: true},
}

const (
	saysSegments = "Finished full repository check, no problems found"
	saysArchives = "Archive consistency check complete, no problems found"
	saysData     = "verified "
)

func (h *host) check(repo job.Repository, depth job.CheckDepth, env ...string) (*jobdir.Dir, job.Verdict) {
	h.t.Helper()
	spec := h.spec(job.Check, repo)
	spec.Check = &job.CheckSpec{Depth: depth}
	d := h.order(spec)
	return d, h.finish(d, env...)
}

// TestCheckDepth: borg looks at what was ordered and at nothing else, and the log
// says so.
func TestCheckDepth(t *testing.T) {
	eachBorg(t, func(h *host) {
		repo := h.ofThreeDays()
		for depth, says := range depths {
			d, v := h.check(repo, depth)
			text := logText(h.log(d))
			for _, words := range []string{saysSegments, saysArchives, saysData} {
				if strings.Contains(text, words) != says[words] {
					h.t.Errorf("%q: it says %q: %v\n%s", depth, words, !says[words], text)
				}
			}
			title, _, _ := strings.Cut(text, "\n")
			if v.Status != job.Completed || !strings.Contains(title, repo.Path+looksAt(&job.CheckSpec{Depth: depth})+" (borg ") {
				h.t.Errorf("%q: %+v\n%s", depth, v, text)
			}
		}
	})
}

// TestCheckFindsDamage of each sort at the depths that can see it, and only there:
// what borg calls a warning, and what it ends at as if it had crashed.
func TestCheckFindsDamage(t *testing.T) {
	const all, segments, archives, data = job.CheckAll, job.CheckRepository, job.CheckArchives, job.CheckData
	wounds := map[string]struct {
		hurt  func(h *host, repo job.Repository)
		found map[job.CheckDepth]string // the words that name it; "" is a good end
	}{
		"a byte": {
			func(h *host, repo job.Repository) { h.damage(repo) },
			map[job.CheckDepth]string{segments: "checksum mismatch", data: "checksum mismatch"},
		},
		"a chunk that is gone": {
			func(h *host, repo job.Repository) { h.dropObject(repo, h.fileChunk(repo)) },
			map[job.CheckDepth]string{segments: "", archives: "missing file chunk"},
		},
		"a chunk of other content": {
			func(h *host, repo job.Repository) { h.alterObject(repo, h.fileChunk(repo), true) },
			map[job.CheckDepth]string{all: "", data: "integrity error"},
		},
		"an archive that is gone": {
			func(h *host, repo job.Repository) { h.dropObject(repo, h.archiveID(repo)) },
			map[job.CheckDepth]string{archives: "is missing"},
		},
		"a byte of an archive": {
			func(h *host, repo job.Repository) { h.alterObject(repo, h.archiveID(repo), false) },
			map[job.CheckDepth]string{archives: "checksum mismatch"},
		},
		"an archive of other content": {
			func(h *host, repo job.Repository) { h.alterObject(repo, h.archiveID(repo), true) },
			map[job.CheckDepth]string{archives: "IntegrityError: MAC"},
		},
	}
	eachCase(t, []string{"a byte", "a chunk that is gone", "a chunk of other content", "an archive that is gone", "a byte of an archive", "an archive of other content"}, func(h *host, name string) {
		repo := h.ofThreeDays()
		w := wounds[name]
		w.hurt(h, repo)
		for depth, words := range w.found {
			d, v := h.check(repo, depth)
			if words == "" && v.Status == job.Completed {
				continue
			}
			if words == "" || v.Status != job.Failed || v.ErrorCode != borg.CodeRepoCorrupt || !strings.Contains(v.ErrorMessage, "found damage") ||
				!strings.Contains(v.ErrorMessage, words) || v.Progress.Percent != 0 {
				h.t.Errorf("%q: %+v, want %q\n%s", depth, v, words, logText(h.log(d)))
			}
		}
	})
}

// TestCheckThatNobodySaw: of a borg whose exit status is lost its words count, at
// each depth, of damage too.
func TestCheckThatNobodySaw(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	repo := h.ofThreeDays()
	lost := func(depth job.CheckDepth) job.Verdict {
		t.Helper()
		spec := h.spec(job.Check, repo)
		spec.Check = &job.CheckSpec{Depth: depth}
		d := h.order(spec)
		hold, err := d.HoldPipes()
		must(t, err)
		defer hold.Close()
		return h.finish(d, envDieAt+"="+PointExecuted)
	}
	for _, depth := range []job.CheckDepth{job.CheckRepository, job.CheckArchives} {
		expect(t, h, lost(depth), job.CompletedWithWarnings, job.CodeStatusLost, "borg had said that it was done")
	}
	h.alterObject(repo, h.fileChunk(repo), true)
	expect(t, h, lost(job.CheckData), job.Failed, borg.CodeRepoCorrupt, "integrity error")
	h.damage(repo)
	expect(t, h, lost(job.CheckAll), job.Failed, borg.CodeRepoCorrupt, "checksum mismatch") // the archives were not looked at
}

// TestCancelCheck in each part that borg looks at: it is shown with how far it
// has come, and a cancel leaves no lock behind.
func TestCancelCheck(t *testing.T) {
	t.Parallel()
	for phase, depth := range map[string]job.CheckDepth{
		"repository.check": job.CheckRepository, "check.rebuild_refcounts": job.CheckArchives, "check.verify_data": job.CheckData,
	} {
		t.Run(phase, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			repo := h.ofThreeDays()
			tool, waits := borgThatWaits(t, "check", "there", `"msgid": "`+phase+`"`, `"finished": false`)
			h.tool = tool
			h.configure(func(*policy.Config) {})
			spec := h.spec(job.Check, repo)
			spec.Check = &job.CheckSpec{Depth: depth}
			d := h.order(spec)
			cmd := h.spawn(d)
			await(t, "borg to be there", waits)
			await(t, "the phase to be shown", func() bool {
				r, err := d.Register()
				return err == nil && r.BorgPhase == phase && r.BorgPhasePercent > 0 && r.BorgPhasePercent < 100 && r.Progress.Percent == 0
			})
			must(t, d.SetDesired(jobdir.Cancel))
			must(t, cmd.Wait())
			v := h.verdict(d)
			expect(t, h, v, job.Cancelled, job.CodeCancelled, "")
			if !v.ProcessTerminated || d.BorgRunning() {
				t.Errorf("%+v, borg running: %v", v, d.BorgRunning())
			}
			h.tool = "borg"
			h.borg("list", "--lock-wait", "0", repo.Path)
		})
	}
}

// fileChunk makes an archive of a file that is larger than anything else there,
// and is the id of its content.
func (h *host) fileChunk(repo job.Repository) string {
	h.t.Helper()
	h.file("src/own", strings.Repeat("content", 10_000))
	h.borg("create", "--compression", "none", repo.Path+"::large", h.path("src"))
	id, largest := "", 0
	h.eachObject(repo, func(_ string, _, entry []byte) {
		if len(entry) > largest {
			id, largest = hex.EncodeToString(entry[9:41]), len(entry)
		}
	})
	return id
}

func (h *host) archiveID(repo job.Repository) string {
	h.t.Helper()
	return strings.TrimSpace(string(h.borg("list", "--first", "1", "--format", "{id}{NL}", repo.Path)))
}

func (h *host) dropObject(repo job.Repository, id string) {
	h.t.Helper()
	_, err := h.borgWith([]string{"BORG_BASE_DIR=" + h.st.BorgBase(), "BORG_DEBUG_I_KNOW_WHAT_I_AM_DOING=YES"}, "debug", "delete-obj", repo.Path, id)
	must(h.t, err)
}

// alterObject changes a byte of an object, and its checksum to what is right then
// or not.
func (h *host) alterObject(repo job.Repository, id string, rightSum bool) {
	h.t.Helper()
	found := false
	h.eachObject(repo, func(path string, segment, entry []byte) {
		if hex.EncodeToString(entry[9:41]) != id {
			return
		}
		found = true
		entry[len(entry)-5] ^= 0xff
		if rightSum {
			binary.LittleEndian.PutUint32(entry, crc32.ChecksumIEEE(entry[4:]))
		}
		must(h.t, os.WriteFile(path, segment, 0o600))
	})
	if !found {
		h.t.Fatalf("no segment has %s", id)
	}
}

// eachObject goes through the objects of a repository: behind the magic of a
// segment each has checksum, size, kind (0 is an object), id and content.
func (h *host) eachObject(repo job.Repository, see func(path string, segment, entry []byte)) {
	h.t.Helper()
	paths, err := filepath.Glob(filepath.Join(repo.Path, "data", "*", "*"))
	must(h.t, err)
	for _, path := range paths {
		segment := must1(os.ReadFile(path))
		for rest := segment[8:]; len(rest) > 9; {
			size := binary.LittleEndian.Uint32(rest[4:])
			if rest[8] == 0 {
				see(path, segment, rest[:size])
			}
			rest = rest[size:]
		}
	}
}
