package fleet

import (
	"bytes"
	"testing"
	"time"

	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
)

// TestNewPassphraseIsTriedFirst: only a host that has opened the repository with
// it makes it the repository's.
func TestNewPassphraseIsTriedFirst(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.s.set.InitWait = 50 * time.Millisecond // the host decides after the call
	p := r.agent("web1")
	repo := r.repository(p, "/r")
	must(t, r.st.Update(t.Context(), func(tx *store.Tx) error {
		repo.Encryption, repo.PassphraseSealed = "repokey", []byte("old")
		return tx.PutRepository(repo)
	}))
	p.connect("s1")
	try := func() job.Job {
		t.Helper()
		v, err := r.s.UpdateRepository(t.Context(), RepositoryUpdate{
			ID: repo.ID, Passphrase: "new", By: "ann", Change: func(d job.Repository) job.Repository { return d },
		})
		must(t, err)
		if v.PassphraseJob == 0 || string(v.PassphraseSealed) != "old" {
			t.Errorf("before it was tried: job %d, %q", v.PassphraseJob, v.PassphraseSealed)
		}
		j := r.job(v.PassphraseJob)
		if j.Spec.Kind != job.List || bytes.Equal(j.Spec.Repository.PassphraseSealed, []byte("old")) {
			t.Errorf("the trial is %+v", j.Spec)
		}
		return j
	}
	ends := func(j job.Job, status job.Status) {
		t.Helper()
		p.send(&fleetv1.JobReport{Key: j.Key[:], Register: register(2, job.PhaseStarted, status)})
		r.await("the verdict", func() bool { return r.job(j.ID).Verdict != nil })
	}
	stands := func(what string, sealed []byte, trial int64) {
		t.Helper()
		now, _ := r.st.Repository(repo.ID)
		if !bytes.Equal(now.PassphraseSealed, sealed) || now.PassphraseJob != trial {
			t.Errorf("%s: %q, trial %d", what, now.PassphraseSealed, now.PassphraseJob)
		}
	}
	ends(try(), job.Failed)
	stands("it did not open", []byte("old"), 0)

	overtaken, last := try(), try()
	ends(overtaken, job.Completed)
	stands("overtaken by another", []byte("old"), last.ID)
	ends(last, job.Completed)
	stands("it opened", last.Spec.Repository.PassphraseSealed, 0)

	_, err := r.s.UpdateRepository(t.Context(), RepositoryUpdate{ID: repo.ID + 1, Passphrase: "new", Change: func(d job.Repository) job.Repository { return d }})
	if err == nil {
		t.Error("of a repository that is not there")
	}
}
