package store

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"borgfleet/shared/job"
)

// TestLiveStateStaysOffTheDisk: progress costs no commit, is seen at once, and
// a restart forgets it.
func TestLiveStateStaysOffTheDisk(t *testing.T) {
	s := open(t, t.TempDir())
	j := addJob(t, s, "a1")
	before := s.Stats().Commits
	live := j
	live.Register.Progress.NFiles = 5
	update(t, s, func(tx *Tx) error {
		tx.SetLive(live)
		if got := tx.Active("a1"); len(got) != 1 || got[0].Register.Progress.NFiles != 5 {
			t.Error("the update does not see its own change")
		}
		return nil
	})
	if s.Stats().Commits != before {
		t.Error("progress was written to the disk")
	}
	wantJob(t, s, live)
	s = reopened(t, s)
	got, _, _ := s.Job(j.ID)
	if got.Register.Progress.NFiles != 0 {
		t.Error("progress was stored after all")
	}
	if err := s.Update(context.Background(), func(tx *Tx) error {
		tx.SetLive(ended(j, job.Failed))
		return nil
	}); err == nil {
		t.Error("a job ended in memory only")
	}
}

// TestStepsOfOneAgent: what another agent says that it follows is beside them.
func TestStepsOfOneAgent(t *testing.T) {
	s := open(t, t.TempDir())
	backup := job.Key{7}
	step := func(agent string) job.Job {
		var j job.Job
		update(t, s, func(tx *Tx) error {
			j = newJob(tx.NewJobID(), agent)
			j.Spec.Kind, j.Spec.Parent = job.Prune, backup
			j = ended(j, job.Completed)
			return tx.PutJob(j)
		})
		return j
	}
	wants := func(want ...int64) {
		t.Helper()
		update(t, s, func(tx *Tx) error {
			steps, err := tx.StepsOf(backup, "host", "keeper")
			var got []int64
			for _, j := range steps {
				got = append(got, j.ID)
			}
			if !slices.Equal(got, want) {
				t.Errorf("steps %v, want %v", got, want)
			}
			return err
		})
	}
	keepers := step("keeper")
	hosts := step("host")
	thiefs := step("thief")
	wants(hosts.ID, keepers.ID)
	expire(t, s, thiefs.ID)
	wants(hosts.ID, keepers.ID)
	expire(t, s, hosts.ID)
	wants(keepers.ID)
}

// TestOneKeyOneJob: the guard holds within a group, across commits and across
// a restart.
func TestOneKeyOneJob(t *testing.T) {
	s := open(t, t.TempDir())
	j := addJob(t, s, "a1")
	double := func(tx *Tx) error {
		d := newJob(tx.NewJobID(), "a2")
		d.Key = j.Key
		return tx.PutJob(d)
	}
	for range 2 {
		if err := s.Update(context.Background(), double); !errors.Is(err, ErrKeyTaken) {
			t.Fatal(err)
		}
		s = reopened(t, s)
	}
	err := s.Update(context.Background(), func(tx *Tx) error {
		a, b := newJob(tx.NewJobID(), "a1"), newJob(tx.NewJobID(), "a1")
		b.Key = a.Key
		return errors.Join(tx.PutJob(a), tx.PutJob(b))
	})
	if !errors.Is(err, ErrKeyTaken) {
		t.Fatal(err)
	}
}

// TestQueuesOfAgentsAndPlaces follows jobs through their life.
func TestQueuesOfAgentsAndPlaces(t *testing.T) {
	s := open(t, t.TempDir())
	var a, b, c job.Job
	update(t, s, func(tx *Tx) error {
		a, b, c = newJob(tx.NewJobID(), "a1"), newJob(tx.NewJobID(), "a2"), newJob(tx.NewJobID(), "a1")
		b.Spec.Repository.Path, c.Spec.Repository.Path = "ssh://host/repo", "ssh://HOST:22/repo"
		c.Spec.Repository.BorgID = "abc"
		return errors.Join(tx.PutJob(c), tx.PutJob(a), tx.PutJob(b))
	})
	ids := func(jobs []job.Job) (out []int64) {
		for _, j := range jobs {
			out = append(out, j.ID)
		}
		return out
	}
	check := func(what string, got []job.Job, want ...int64) {
		t.Helper()
		if diff := cmp.Diff(want, ids(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	for range 2 {
		check("of a1", s.Active("a1"), a.ID, c.ID)
		check("at the host", s.AtLocation(Locations(b)...), b.ID, c.ID)
		check("under borg's id", s.AtLocation("borg:abc", Locations(b)[0], "borg:abc"), b.ID, c.ID)
		check("on a1's disk", s.AtLocation(Locations(a)...), a.ID)
		check("nowhere", s.AtLocation())
		s = reopened(t, s)
	}
	if running, waiting := s.ActiveCount("a1"); running != 0 || waiting != 2 {
		t.Error(running, waiting)
	}
	update(t, s, func(tx *Tx) error {
		if err := tx.PutJob(ended(b, job.Failed)); err != nil {
			return err
		}
		check("staged", tx.AtLocation(Locations(b)...), c.ID)
		return nil
	})
	check("after the end", s.AtLocation(Locations(b)...), c.ID)
	check("of a2", s.Active("a2"))
	update(t, s, func(tx *Tx) error { return tx.PutJob(b) }) // it lives after all
	check("reopened", s.AtLocation(Locations(b)...), b.ID, c.ID)
	wantJob(t, s, b)
}

// TestJobCodec: who made a job is known after a restart, too.
func TestJobCodec(t *testing.T) {
	key, err := job.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	j := job.New(7, key, "a", job.Spec{Kind: job.Backup, TriggeredBy: job.ByAgent, CreatedAt: time.Now(), StartDeadline: time.Now()})
	j.Announced = true
	b, err := encodeJob(j)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := decodeJob(b); err != nil || !got.Announced {
		t.Errorf("%+v, %v", got, err)
	}
}
