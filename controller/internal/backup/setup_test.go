package backup

import (
	"bytes"
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/google/uuid"

	"borgfleet/certs"
	"borgfleet/controller/internal/revoked"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDirVar); dir != "" {
		crashChild(dir) // never returns
	}
	os.Exit(m.Run())
}

var t0 = time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)

func options() store.Options {
	return store.Options{MemTableSize: 4 << 20, BlockCache: 4 << 20, IndexCache: 4 << 20, KeepFree: 1 << 20}
}

// data is a controller's data directory with something of everything.
type data struct {
	dir     string
	st      *store.Store
	fleetID string
	agent   string
	jobs    []job.Job
	shut    []revoked.Entry
}

func newData(t *testing.T) *data {
	t.Helper()
	d := &data{dir: t.TempDir(), agent: uuid.NewString()}
	ca, err := certs.CreateAuthority(filepath.Join(d.dir, "ca"), time.Now(), rand.Reader)
	must(t, err)
	d.fleetID = ca.FleetID()
	d.st, err = store.Open(filepath.Join(d.dir, "store"), options())
	must(t, err)
	t.Cleanup(func() { d.st.Close() })
	d.shut = []revoked.Entry{{Agent: uuid.NewString(), At: t0}}
	must(t, d.st.Update(t.Context(), func(tx *store.Tx) error {
		if err := tx.PutAgent(store.Agent{ID: d.agent, Name: "web1", EnrolledName: "web1", EnrolledAt: t0}); err != nil {
			return err
		}
		if err := tx.PutUser(store.User{Name: "ann", PasswordHash: "hash", Role: "admin"}); err != nil {
			return err
		}
		token := store.JoinToken{Hash: []byte("token"), UsesLeft: 2, ExpiresAt: time.Now().Add(time.Hour)}
		if err := tx.UseJoinToken(token, store.JoinTokenUse{PublicKeySHA256: []byte("key"), Agent: "agent"}); err != nil {
			return err
		}
		return tx.PutRepository(store.Repository{
			Repository: job.Repository{ID: tx.NewRepositoryID(), Name: "home", Path: "/srv/home"}, Agent: d.agent, Status: store.RepositoryReady,
		})
	}))
	for range 20 {
		d.addJob(t, 300)
	}
	return d
}

// addJob adds one with lines in its log.
func (d *data) addJob(t *testing.T, lines int) job.Job {
	t.Helper()
	key, err := job.NewKey()
	must(t, err)
	var j job.Job
	must(t, d.st.Update(context.Background(), func(tx *store.Tx) error {
		j = job.New(tx.NewJobID(), key, d.agent, job.Spec{
			Kind: job.Backup, Repository: job.Repository{ID: 1, Name: "home", Path: "/srv/home"},
			CreatedAt: t0, StartDeadline: t0.Add(24 * time.Hour), TriggeredBy: job.ByManual,
		})
		if err := tx.PutJob(j); err != nil {
			return err
		}
		var recs []job.Record
		for n := range lines {
			recs = append(recs, job.Record{Number: uint64(n + 1), Time: t0.Add(time.Duration(n) * time.Millisecond), Level: job.LevelInfo, Source: "borg", Text: uuid.NewString()})
		}
		if lines == 0 {
			return nil
		}
		j.LogNext += uint64(lines)
		tx.SetLive(j)
		return tx.AppendLog(j.ID, 1, recs)
	}))
	d.jobs = append(d.jobs, j)
	return j
}

func (d *data) source(to age.Recipient) Source {
	return Source{Store: d.st, FleetID: d.fleetID, Revocations: d.shut, Authority: filepath.Join(d.dir, "ca"), Recipient: to, Now: t0}
}

func (d *data) backup(t *testing.T, to age.Recipient) []byte {
	t.Helper()
	var out bytes.Buffer
	must(t, Write(&out, d.source(to)))
	return out.Bytes()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
