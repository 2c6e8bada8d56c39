package daemon

import (
	"testing"
	"time"

	"borgfleet/shared/job"
)

// TestAloneOneAtAPlace: with the controller away a host lets two jobs of one
// repository run one after the other, whatever its limit: their hooks would meet.
func TestAloneOneAtAPlace(t *testing.T) {
	f := newFixture(t)
	f.d.o.MaxParallel = 4
	f.pass(time.Minute)
	same, other := announced(t, f, time.Hour), announced(t, f, time.Hour)
	third := announcedAt(t, f, "/elsewhere")
	for _, step := range []struct {
		t    *tended
		want bool
	}{{same, true}, {other, false}, {third, true}} {
		if may, _ := f.d.mayStart(step.t); may != step.want {
			t.Errorf("%s may start: %v, want %v", step.t.dir.Spec().Repository.Path, may, step.want)
		}
	}
	f.d.leave(same)
	if may, _ := f.d.mayStart(other); !may {
		t.Error("the repository is free, and it may not start")
	}
	f.d.leave(other)
	if may, _ := f.d.mayStart(same); !may {
		t.Error("and back")
	}
	f.d.release(other) // the controller knows what it does
	if may, _ := f.d.mayStart(other); !may {
		t.Error("the controller's word does not count")
	}
}

func announcedAt(t *testing.T, f *fixture, path string) *tended {
	t.Helper()
	s := spec(f.now)
	s.Repository = job.Repository{ID: 9, Path: path}
	return announcedAs(t, f, s)
}
