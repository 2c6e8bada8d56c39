package store

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"borgfleet/controller/internal/history"
	"borgfleet/shared/job"
)

// TestNothingIsLostOnClose stores one of everything and reads it back from the
// disk.
func TestNothingIsLostOnClose(t *testing.T) {
	s := open(t, t.TempDir())
	id := s.ID()
	agent := Agent{
		ID: "a1", Name: "alpha", EnrolledName: "first", Hostname: "alpha.example", Labels: map[string]string{"site": "x"},
		Version: "1.0.0", StateID: "s", Borg: []BorgBinary{{Path: "/usr/bin/borg", Version: "1.4.0", Problem: "old"}},
		AgeRecipient: "age1", EnrolledAt: t0, LastContactAt: t0, CertificateExpiresAt: t0, ValidFrom: t0,
		Revoked: true, Paused: true, MaxParallel: 2, PublicKeySHA256: []byte{1, 2},
	}
	repo := Repository{
		Repository: job.Repository{ID: 1, Name: "home", Path: "/srv", Encryption: "none", Sources: []string{"/home"},
			ExcludePatterns: []string{"*.o"}, ExcludeIfPresent: []string{".nobackup"}, FileLog: job.FileLogNone},
		Agent: "a1", Status: RepositoryFailed, ErrorCode: "x", ErrorMessage: "y",
		AlreadyExisted: true, CreatedAt: t0, InitJob: 1,
	}
	token := JoinToken{Hash: []byte{9}, Name: "n", Labels: map[string]string{"a": "b"}, ExpiresAt: t0, UsesLeft: 2,
		Uses: []JoinTokenUse{{PublicKeySHA256: []byte{1}, Agent: "a1"}}}
	user := User{Name: "admin", PasswordHash: "$argon2id$", Role: "admin", CreatedAt: t0, ValidFrom: t0.Add(1)}
	apiToken := APIToken{ID: "i", Name: "n", User: "admin", Role: "viewer", Hash: []byte{3}, CreatedAt: t0, ExpiresAt: t0, LastUsedAt: t0}
	rec := IdempotencyRecord{Job: 1, RequestSHA256: []byte{5}, ExpiresAt: time.Now().Add(time.Hour).UTC()}
	waiting := newJob(1, "a1")
	done := ended(newJob(2, "a1"), job.Completed)
	update(t, s, func(tx *Tx) error {
		return errors.Join(
			tx.PutAgent(agent), tx.PutRepository(repo), tx.PutJoinToken(token), tx.PutUser(user), tx.PutAPIToken(apiToken), tx.EndLogin("login", time.Now().Add(time.Hour)),
			tx.PutIdempotency("key", rec), tx.PutJob(waiting), tx.PutJob(done),
			tx.AppendLog(2, 1, lines(1, 3)))
	})
	for range 2 {
		update(t, s, func(tx *Tx) error {
			check := func(what string, want, got any, ok bool) {
				if diff := cmp.Diff(want, got); !ok || diff != "" {
					t.Errorf("%s (-want +got):\n%s", what, diff)
				}
			}
			a, ok := tx.Agent("a1")
			check("agent", agent, a, ok)
			a, ok = tx.AgentByName("alpha")
			check("agent by name", agent, a, ok)
			r, ok := tx.Repository(1)
			check("repository", repo, r, ok)
			tk, ok := tx.JoinToken(token.Hash)
			check("token", token, tk, ok)
			u, ok := tx.User("admin")
			check("user", user, u, ok)
			p, ok := tx.APIToken("i")
			check("API token", apiToken, p, ok)
			i, ok, err := tx.Idempotency("key")
			check("idempotency", rec, i, ok)
			return err
		})
		check := func(what string, want, got any) {
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
		}
		check("agents", []Agent{agent}, s.Agents())
		check("repositories", []Repository{repo}, s.Repositories())
		check("tokens", []JoinToken{token}, s.JoinTokens())
		check("users", []User{user}, s.Users())
		check("API tokens", []APIToken{apiToken}, s.APITokens())
		check("ended login", true, s.LoginEnded("login"))
		check("active", []job.Job{waiting}, s.ActiveJobs())
		wantJob(t, s, waiting)
		wantJob(t, s, done)
		for _, j := range []job.Job{waiting, done} {
			if got, ok, err := s.JobByKey(j.Key); got != j.ID || !ok || err != nil {
				t.Errorf("key of job %d gives %d, %v, %v", j.ID, got, ok, err)
			}
		}
		recs, err := s.Log(2, 1, 10)
		if err != nil {
			t.Fatal(err)
		}
		check("log", lines(1, 3), recs)
		jobs, next, err := s.Query(history.Filter{}, "", 10)
		if err != nil || next != "" {
			t.Fatal(next, err)
		}
		check("history", []job.Job{done, waiting}, jobs)
		last := s.LastJobs(7)
		if last.Job.ID != 2 || last.Good.ID != 2 {
			t.Errorf("last jobs: %+v", last)
		}
		s = reopened(t, s)
		if s.ID() != id {
			t.Error("the store's id is another one")
		}
	}
}
