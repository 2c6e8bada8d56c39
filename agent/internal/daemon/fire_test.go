package daemon

import (
	"errors"
	"strings"
	"testing"

	"borgfleet/agent/internal/jobdir"
	"borgfleet/shared/job"
)

// TestFireSaysWhatIsTooMuch: that a host is full may pass, that a job is too large
// does not.
func TestFireSaysWhatIsTooMuch(t *testing.T) {
	f := newFixture(t)
	large := spec(f.now)
	large.RequestedBy = strings.Repeat("x", job.MaxSpec)
	if err := f.d.Fire(newKey(t), large); err == nil || errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "its spec has") {
		t.Errorf("too large: %v", err)
	}
	f.stop()
	for range mostOpen {
		if _, err := jobdir.Create(f.dir.Jobs(), newKey(t), spec(f.now), job.PhaseAnnounced); err != nil {
			t.Fatal(err)
		}
	}
	f.open()
	if err := f.d.Fire(newKey(t), spec(f.now)); !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "have not ended") {
		t.Errorf("full: %v", err)
	}
}
