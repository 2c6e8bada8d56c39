package fleet

import (
	"testing"

	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
)

// TestRetryRepository: what a host refused after it had been away is tried again
// as it was registered, and only then.
func TestRetryRepository(t *testing.T) {
	r := newRig(t)
	a := r.agent("a")
	for name, register := range map[string]func() (RepositoryView, error){
		"made": func() (RepositoryView, error) {
			return r.s.CreateRepository(t.Context(), RepositoryRequest{Definition: job.Repository{Name: "made", Path: "/made", Encryption: "repokey"}, Passphrase: "secret"})
		},
		"imported": func() (RepositoryView, error) {
			return r.s.ImportRepository(t.Context(), RepositoryRequest{Definition: job.Repository{Name: "imported", Path: "/imported"}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			r.s.set.InitWait = 0
			v, err := register()
			must(t, err)
			_, err = r.s.RetryRepository(t.Context(), v.ID, "test")
			refusedAs(t, "while it waits", err, "repository_pending")
			a.connect("s")
			defer a.disconnect()
			ends := func(id int64, status job.Status, code string) {
				t.Helper()
				reg := endedAs(status, code)
				a.send(&fleetv1.JobReport{Key: a.order(id).Key, Register: reg})
				r.await("it has ended", func() bool { return r.job(id).Verdict != nil })
			}
			ends(v.InitJob, job.Failed, "policy_refused")
			_, err = r.s.Start(t.Context(), StartRequest{Repository: "/" + name, By: "test"})
			wantFault(t, "a backup", err, "repository_failed", "repositories retry")

			before, _ := r.st.Repository(v.ID)
			v, err = r.s.RetryRepository(t.Context(), v.ID, "test")
			must(t, err)
			now, _ := r.st.Repository(v.ID)
			if v.Status != string(store.RepositoryPending) || v.ErrorMessage != "" || v.InitJob == before.InitJob || string(now.PassphraseSealed) != string(before.PassphraseSealed) {
				t.Errorf("%+v, before %+v", now, before)
			}
			if first, again := r.job(before.InitJob).Spec, r.job(v.InitJob).Spec; first.Kind != again.Kind || first.Repository.AccountDirs != again.Repository.AccountDirs {
				t.Errorf("it asks for %+v, and asked for %+v", again, first)
			}
			again := v.InitJob
			ends(again, job.Failed, "policy_refused")
			r.s.set.InitWait = answerWait
			said := make(chan error, 1)
			go func() { _, err := r.s.RetryRepository(t.Context(), v.ID, "test"); said <- err }()
			r.await("it is tried a third time", func() bool { now, _ = r.st.Repository(v.ID); return now.InitJob != again })
			ends(now.InitJob, job.Failed, "policy_refused")
			refusedAs(t, "refused while it is waited for", <-said, "policy_refused")
			if now, _ = r.st.Repository(v.ID); now.Status != store.RepositoryFailed {
				t.Errorf("the registration is %+v", now)
			}
			r.s.set.InitWait = 0
			v, err = r.s.RetryRepository(t.Context(), v.ID, "test")
			must(t, err)
			ends(v.InitJob, job.Completed, "")
			if now, _ = r.st.Repository(v.ID); now.Status != store.RepositoryReady {
				t.Errorf("the registration is %+v", now)
			}
			_, err = r.s.RetryRepository(t.Context(), v.ID, "test")
			refusedAs(t, "when it is set up", err, "repository_ready")
		})
	}
	_, err := r.s.RetryRepository(t.Context(), 99, "test")
	refusedAs(t, "none", err, "repository_not_found")
}

func endedAs(status job.Status, code string) *fleetv1.Register {
	reg := register(9, job.PhaseStarted, status)
	reg.Verdict.ErrorCode, reg.Verdict.ErrorMessage = code, "the rule"
	return reg
}
