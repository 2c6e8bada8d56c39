package link

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"

	"borgfleet/agent/internal/jobdir"
	"borgfleet/certs"
	"borgfleet/shared/job"
)

// TestRenewalWhileAJobReports: at two thirds of the certificate's life, not
// before, and nobody notices: no line is lost or doubled, the daemon is not told
// of a break. What is on the disk is what is used.
func TestRenewalWhileAJobReports(t *testing.T) {
	f := newFleet(t)
	h := f.host()
	dir := h.jobs.make(job.PhaseStarted)
	journal, err := dir.OpenJournal(jobdir.Limits{MinFree: -1})
	must(t, err)
	lines := 0
	write := func(n int) {
		t.Helper()
		for range n {
			lines++
			journal.Append(jobdir.Line{Record: job.Record{Level: job.LevelInfo, Source: "borg", Text: fmt.Sprint(lines)}})
			must(t, journal.Sync())
			h.jobs.change(dir.Key(), false)
		}
	}
	arrived := func(n int) func() bool {
		return func() bool {
			f.mu.Lock()
			defer f.mu.Unlock()
			return len(f.lines) >= n
		}
	}
	write(20)
	h.run(t)
	await(t, "the first lines", arrived(20))
	old := h.serial(t)
	f.pass(20*day - time.Minute)
	write(20)
	await(t, "the next lines", arrived(40))
	if hellos, renews, _ := f.counts(); hellos != 1 || renews != 0 {
		t.Errorf("%d Hellos, %d renewals before two thirds", hellos, renews)
	}
	f.pass(2 * time.Minute)
	for {
		write(5)
		if hellos, _, _ := f.counts(); hellos == 2 {
			break
		}
	}
	write(20)
	await(t, "the last lines", arrived(lines))
	must(t, journal.Close())
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, text := range f.lines {
		if text != fmt.Sprint(i+1) {
			t.Fatalf("line %d is %q", i+1, text)
		}
	}
	if len(f.lines) != lines || len(f.wrong) != 0 {
		t.Errorf("%d lines of %d; wrong: %v", len(f.lines), lines, f.wrong)
	}
	if now := h.serial(t); now == old || now != f.serials[1] || f.serials[0] != old || f.renews != 1 || f.recovers != 0 {
		t.Errorf("began with %s, said Hello with %v, on the disk is %s; %d renewals, %d recoveries", old, f.serials, now, f.renews, f.recovers)
	}
	if got := h.link.CertificateExpires(); !got.Equal(f.Now().Add(30 * day).Truncate(time.Second)) {
		t.Errorf("expires at %s", got)
	}
	for len(h.jobs.linked) > 0 {
		if !<-h.jobs.linked {
			t.Error("the daemon was told of a break")
		}
	}
}

// TestRenewalIsTriedAgain, ever less often, until it succeeds. The connection
// goes on meanwhile.
func TestRenewalIsTriedAgain(t *testing.T) {
	f := newFleet(t)
	f.renewErr = connect.NewError(connect.CodePermissionDenied, errors.New("not today"))
	h := f.host()
	h.run(t)
	await(t, "connected", func() bool { return h.link.Status() == "" })
	f.pass(20 * day)
	for n := 1; n <= 12; n++ {
		await(t, "an attempt", func() bool {
			f.pass(5 * time.Minute) // the next one is due by the time at which this one's answer came
			_, renews, _ := f.counts()
			return renews >= n
		})
	}
	if hellos, _, _ := f.counts(); hellos != 1 || h.link.Status() != "" {
		t.Errorf("%d Hellos, status %q", hellos, h.link.Status())
	}
	f.mu.Lock()
	f.renewErr = nil
	f.mu.Unlock()
	await(t, "renewed", func() bool {
		f.pass(5 * time.Minute)
		hellos, _, _ := f.counts()
		return hellos == 2
	})
}

// TestACertificateThatCannotBeKeptIsNotUsed: after a crash the host would stand
// there with the old one, which the controller takes no more.
func TestACertificateThatCannotBeKeptIsNotUsed(t *testing.T) {
	f := newFleet(t)
	var full atomic.Bool
	full.Store(true)
	h := f.host(func(o *Options) {
		save := o.Save
		o.Save = func(c *certs.Credential) error {
			if full.Load() {
				return errors.New("disk full")
			}
			return save(c)
		}
	})
	old := h.serial(t)
	h.run(t)
	await(t, "connected", func() bool { return h.link.Status() == "" })
	f.pass(20 * day)
	await(t, "two attempts", func() bool {
		f.pass(time.Minute)
		_, renews, _ := f.counts()
		return renews >= 2
	})
	if hellos, _, _ := f.counts(); hellos != 1 || h.serial(t) != old {
		t.Errorf("%d Hellos", hellos)
	}
	full.Store(false)
	await(t, "renewed", func() bool {
		f.pass(time.Minute)
		hellos, _, _ := f.counts()
		return hellos == 2 && h.serial(t) != old
	})
}

// TestAClockThatIsAhead takes each new certificate for an old one, and must not
// renew in a circle.
func TestAClockThatIsAhead(t *testing.T) {
	f := newFleet(t)
	ahead := &clock{now: f.Now().Add(25 * day)}
	h := f.host(func(o *Options) { o.Now = ahead.Now })
	h.run(t)
	await(t, "renewed", func() bool { hellos, _, _ := f.counts(); return hellos == 2 })
	await(t, "connected", func() bool { return h.link.Status() == "" })
	enough := ahead.looked() + 100 // two with each check
	await(t, "it has looked at its clock many times since", func() bool { return ahead.looked() > enough })
	if _, renews, _ := f.counts(); renews != 1 {
		t.Errorf("%d renewals", renews)
	}
	ahead.pass(time.Hour)
	await(t, "renewed again", func() bool { _, renews, _ := f.counts(); return renews == 2 })
}

// TestJitter spreads renewals, after two thirds and well before the end.
func TestJitter(t *testing.T) {
	f := newFleet(t)
	issued := f.Now().Truncate(time.Second)
	for jitter, want := range map[float64]time.Duration{0: 20 * day, 0.5: 20*day + 18*time.Hour, 1: 21*day + 12*time.Hour} {
		h := f.host(func(o *Options) { o.Renewal.Jitter = func() float64 { return jitter } })
		if got := h.link.dueAt(h.link.cred.Load()).Sub(issued); got != want {
			t.Errorf("jitter %v: due after %s, want %s", jitter, got, want)
		}
	}
}
