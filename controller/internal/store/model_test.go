package store

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"borgfleet/shared/job"
)

// TestUndoLeavesNothing makes updates of all kinds of changes, some of which
// fail at the end, some of whose commits fail. What the committer works with,
// what everybody sees and what a start reads must be the same, and what a model
// says.
func TestUndoLeavesNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := open(t, t.TempDir())
		defer s.Close()
		real := s.write
		model := map[int64]job.Job{}
		names := map[string]string{}
		for range rapid.IntRange(1, 12).Draw(rt, "updates") {
			fails := rapid.IntRange(0, 4).Draw(rt, "fate")
			s.write = real
			tried := false // an update that changes nothing does not notice the disk
			if fails == 1 {
				s.write = func(map[string]write) error { tried = true; return errors.New("disk") }
			}
			jobs, agents := map[int64]job.Job{}, map[string]string{}
			err := s.Update(context.Background(), func(tx *Tx) error {
				for range rapid.IntRange(1, 6).Draw(rt, "changes") {
					if err := aChange(rt, tx, model, jobs, agents); err != nil {
						return err
					}
				}
				if fails == 0 {
					return errors.New("changed my mind")
				}
				return nil
			})
			if (err == nil) == (fails == 0 || tried) {
				rt.Fatalf("fate %d: %v", fails, err)
			}
			if err != nil {
				continue
			}
			for id, j := range jobs {
				model[id] = j
			}
			for id, name := range agents {
				names[id] = name
				if name == "" {
					delete(names, id)
				}
			}
		}
		s.write = real
		compareStates(rt, s, model, names)
		if err := s.Close(); err != nil {
			rt.Fatal(err)
		}
		again, err := Open(s.dir.path, testOptions())
		if err != nil {
			rt.Fatal(err)
		}
		defer again.Close()
		compareStates(rt, again, model, names)
	})
}

func aChange(rt *rapid.T, tx *Tx, model, jobs map[int64]job.Job, agents map[string]string) error {
	if rapid.IntRange(0, 3).Draw(rt, "what") == 0 {
		id := fmt.Sprint(rapid.IntRange(1, 3).Draw(rt, "agent"))
		if rapid.IntRange(0, 3).Draw(rt, "delete") == 0 {
			agents[id] = ""
			return tx.DeleteAgent(id)
		}
		agents[id] = id + rapid.SampledFrom([]string{"x", "y", "z"}).Draw(rt, "name")
		return tx.PutAgent(Agent{ID: id, Name: agents[id]})
	}
	var known []int64
	for id := range tx.s.next.job {
		_, staged := jobs[id]
		if _, stored := model[id]; stored || staged {
			known = append(known, id)
		}
	}
	if len(known) == 0 || rapid.IntRange(0, 2).Draw(rt, "new") == 0 {
		j := newJob(tx.NewJobID(), fmt.Sprint(rapid.IntRange(1, 3).Draw(rt, "agent")))
		jobs[j.ID] = j
		return tx.PutJob(j)
	}
	id := rapid.SampledFrom(known).Draw(rt, "job")
	j, ok, err := tx.Job(id)
	if err != nil || !ok {
		return fmt.Errorf("job %d: %v, %v", id, ok, err)
	}
	if rapid.Bool().Draw(rt, "end") {
		j = ended(j, rapid.SampledFrom(job.Statuses()[2:]).Draw(rt, "status"))
	} else { // also of one that had ended: it lives after all
		j.Sent, j.Status, j.Verdict, j.Register = !j.Sent, job.Pending, nil, job.Register{}
	}
	jobs[id] = j
	return tx.PutJob(j)
}

func compareStates(rt *rapid.T, s *Store, model map[int64]job.Job, names map[string]string) {
	// The committer's state is looked at in the committer's goroutine.
	err := s.Update(context.Background(), func(tx *Tx) error {
		if diff := cmp.Diff(tx.ActiveJobs(), s.ActiveJobs()); diff != "" {
			rt.Fatalf("active (-working +published):\n%s", diff)
		}
		if diff := cmp.Diff(tx.Agents(), s.Agents()); diff != "" {
			rt.Fatalf("agents (-working +published):\n%s", diff)
		}
		if diff := cmp.Diff(s.working.agentNames, s.published.agentNames); diff != "" {
			rt.Fatalf("names (-working +published):\n%s", diff)
		}
		if diff := cmp.Diff(s.working.formerAgents, s.published.formerAgents); diff != "" {
			rt.Fatalf("former agents (-working +published):\n%s", diff)
		}
		return nil
	})
	if err != nil {
		rt.Fatal(err)
	}
	byAgent := map[string]int{}
	for id, want := range model {
		got, ok, err := s.Job(id)
		if diff := cmp.Diff(want, got); err != nil || !ok || diff != "" {
			rt.Fatalf("job %d: %v, %v (-want +got):\n%s", id, ok, err, diff)
		}
		if !want.Status.Final() {
			byAgent[want.Agent]++
		}
	}
	for _, agent := range []string{"1", "2", "3"} {
		if n := len(s.Active(agent)); n != byAgent[agent] {
			rt.Fatalf("%d active jobs of agent %s, want %d", n, agent, byAgent[agent])
		}
		a, ok := s.AgentByName(names[agent])
		if ok != (names[agent] != "") || ok && a.ID != agent {
			rt.Fatalf("agent %q is %+v, %v", names[agent], a, ok)
		}
	}
	if s.Count() != len(model) || len(s.Agents()) != len(names) {
		rt.Fatalf("%d jobs, %d agents; want %d, %d", s.Count(), len(s.Agents()), len(model), len(names))
	}
}
