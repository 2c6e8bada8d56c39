package fleet

import (
	"strings"
	"testing"
	"time"

	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/seal"
	"borgfleet/shared/wire"
)

// TestCopyGoesWithTheVerdict: it is kept with the repository and not with the
// job, and what is not fit leaves the verdict as it is.
func TestCopyGoesWithTheVerdict(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first := r.firstKey()
	p, thief := r.agent("web1"), r.agent("web2")
	repo := r.repository(p, "/r")
	p.connect("s1")
	thief.connect("s2")
	ends := func(p *puppet, path string, c *job.Recovery) job.Job {
		t.Helper()
		j := r.start(path, p.id)
		p.order(j.ID)
		reg, err := wire.ToRegister(register(2, job.PhaseStarted, job.Completed))
		must(t, err)
		reg.Verdict.Recovery = c
		p.send(&fleetv1.JobReport{Key: j.Key[:], Register: wire.FromRegister(reg)})
		r.await("the verdict", func() bool { return r.job(j.ID).Verdict != nil })
		return r.job(j.ID)
	}
	kept := func(what string, want ...string) {
		t.Helper()
		v, err := r.s.Recovery(t.Context(), repo.ID)
		must(t, err)
		var got []string
		for _, c := range v.Copies {
			got = append(got, string(c.Sealed))
		}
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	now := r.clock()
	at := func(n int) time.Time { return now.Add(time.Duration(n-100) * time.Second) }
	j := ends(p, "/r", &job.Recovery{Recipient: first, Sealed: []byte("one"), SealedAt: at(1), Key: true})
	if j.Status != job.Completed || j.Verdict.Recovery != nil || j.Register.Verdict != nil && j.Register.Verdict.Recovery != nil {
		t.Errorf("with the job: %+v", j.Verdict)
	}
	kept("a copy", "one")
	for what, c := range map[string]*job.Recovery{
		"none":                       nil,
		"an empty one":               {Recipient: first, SealedAt: at(2)},
		"a huge one":                 {Recipient: first, Sealed: make([]byte, seal.MaxSealed+1), SealedAt: at(2)},
		"one for a key of its own":   {Recipient: recipient(t), Sealed: []byte("own"), SealedAt: at(2)},
		"one for nothing like a key": {Recipient: "x", Sealed: []byte("x"), SealedAt: at(2)},
	} {
		if j := ends(p, "/r", c); j.Status != job.Completed {
			t.Errorf("%s: the verdict is %+v", what, j.Verdict)
		}
		kept(what, "one")
	}
	// One from the future does not keep those that follow out.
	ends(p, "/r", &job.Recovery{Recipient: first, Sealed: []byte("garbage"), SealedAt: now.Add(1000 * time.Hour)})
	kept("from the future", "one", "garbage")
	r.pass(time.Minute)
	ends(p, "/r", &job.Recovery{Recipient: first, Sealed: []byte("two"), SealedAt: r.clock()})
	kept("after it", "one", "two")
	v, err := r.s.Repository(t.Context(), repo.ID)
	must(t, err)
	if v.Recovery == nil || !v.RecoveryCurrent || v.Recovery.Sealed != nil {
		t.Errorf("shown: %+v", v.Recovery)
	}
	_, err = r.s.ReplaceRecoveryKey(t.Context(), recipient(t), "ann")
	must(t, err)
	if v, err = r.s.Repository(t.Context(), repo.ID); err != nil || v.RecoveryCurrent {
		t.Errorf("after another key: current %v, %v", v.RecoveryCurrent, err)
	}
}

// TestPassphraseIsSealedToTheRecoveryKeyToo: also one that REST is given in
// clear.
func TestPassphraseIsSealedToTheRecoveryKeyToo(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	key, err := seal.NewIdentity()
	must(t, err)
	_, err = r.s.ReplaceRecoveryKey(t.Context(), key.Recipient(), "ann")
	must(t, err)
	p := r.agent("web1")
	a, _ := r.st.Agent(p.id)
	sealed, err := r.s.sealFor(a, RepositoryRequest{Definition: job.Repository{Path: "/r"}, Passphrase: "correct horse"})
	must(t, err)
	if got, err := seal.Open(key, p.id, job.Location("/r", p.id), sealed); err != nil || string(got) != "correct horse" {
		t.Errorf("the recovery key does not open it: %v", err)
	}
}
