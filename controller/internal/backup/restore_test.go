package backup

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"borgfleet/certs"
	"borgfleet/controller/internal/revoked"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

func TestRestore(t *testing.T) {
	d := newData(t)
	id, err := age.NewScryptIdentity("a passphrase")
	must(t, err)
	to, err := age.NewScryptRecipient("a passphrase")
	must(t, err)
	to.SetWorkFactor(10)
	b := d.backup(t, to)
	later := revoked.Entry{Agent: uuid.NewString(), At: t0}
	dir := filepath.Join(t.TempDir(), "new")
	r := Restore{DataDir: dir, Identity: id, Revocations: []revoked.Entry{later}, HasRevocations: true, Store: options(), Now: t0}
	_, err = r.Run(bytes.NewReader(b))
	must(t, err)
	must(t, RefuseUnfinished(dir))

	a, err := certs.OpenAuthority(filepath.Join(dir, "ca"))
	must(t, err)
	if a.FleetID() != d.fleetID {
		t.Errorf("the fleet is %s, want %s", a.FleetID(), d.fleetID)
	}
	l, err := revoked.Open(filepath.Join(dir, revoked.Name))
	must(t, err)
	defer l.Close()
	for _, e := range append(d.shut, later) {
		if _, there := l.At(e.Agent); !there {
			t.Errorf("agent %s may come back", e.Agent)
		}
	}
	st, err := store.Open(filepath.Join(dir, "store"), options())
	must(t, err)
	defer st.Close()
	d.compare(t, st)
}

// compare wants a restored store to be like the one that was backed up, and to
// know that it is not.
func (d *data) compare(t *testing.T, st *store.Store) {
	t.Helper()
	from, restored := st.Restored()
	if want := (store.Restored{From: d.st.ID(), TakenAt: t0, At: t0, AdmitUnknown: true}); !restored || from != want {
		t.Errorf("the origin is %+v, want %+v", from, want)
	}
	if st.ID() == d.st.ID() {
		t.Error("the restored store has the same id")
	}
	if diff := cmp.Diff(d.st.Repositories(), st.Repositories()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(d.st.Agents(), st.Agents()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(d.st.Users(), st.Users()); diff != "" {
		t.Error(diff)
	}
	for _, want := range d.jobs {
		got, there, err := st.Job(want.ID)
		must(t, err)
		was, _, err := d.st.Job(want.ID)
		must(t, err)
		if !there || !cmp.Equal(was, got) {
			t.Errorf("job %d: %s", want.ID, cmp.Diff(was, got))
		}
		if diff := cmp.Diff(lines(t, d.st, want.ID), lines(t, st, want.ID)); diff != "" {
			t.Errorf("log of job %d: %s", want.ID, diff)
		}
	}
	must(t, st.Update(t.Context(), func(tx *store.Tx) error {
		if got := tx.NewJobID(); got != 21+store.IDsAhead {
			t.Errorf("the next job is %d", got)
		}
		if got := tx.NewRepositoryID(); got != 2+store.IDsAhead {
			t.Errorf("the next repository is %d", got)
		}
		if _, used, err := tx.JoinTokenUse(store.JoinToken{Hash: []byte("token")}, []byte("key")); err != nil || used {
			t.Errorf("a use of a join token came along: %v, %v", used, err)
		}
		if _, there := tx.JoinToken([]byte("token")); there {
			t.Error("a join token is good that may have been used up")
		}
		for id, want := range map[int64]bool{-1: false, 0: false, 20: false, 21: true, 20 + store.IDsAhead: true, 5 + 2*store.IDsAhead: false} {
			if got, err := tx.TakeJobID(id); err != nil || got != want {
				t.Errorf("may id %d be taken back? %v %v, want %v", id, got, err, want)
			}
		}
		return nil
	}))
	if ok, err := takes(t, d.st, 5); err != nil || ok {
		t.Errorf("a store that was not restored gives ids back: %v %v", ok, err)
	}
}

func takes(t *testing.T, st *store.Store, id int64) (ok bool, err error) {
	must(t, st.Update(t.Context(), func(tx *store.Tx) error {
		ok, err = tx.TakeJobID(id)
		return nil
	}))
	return ok, err
}

func lines(t *testing.T, st *store.Store, id int64) (out []job.Record) {
	t.Helper()
	for r, err := range st.LogFrom(id, 1) {
		must(t, err)
		out = append(out, r)
	}
	return out
}

func TestRestoreRefuses(t *testing.T) {
	d := newData(t)
	id, err := age.GenerateX25519Identity()
	must(t, err)
	other, err := age.GenerateX25519Identity()
	must(t, err)
	bare, sealed := d.backup(t, nil), d.backup(t, id.Recipient())
	used := t.TempDir()
	must(t, os.WriteFile(filepath.Join(used, "something"), nil, 0o600))
	foreign := newData(t)
	for _, c := range []struct {
		name   string
		backup []byte
		r      Restore
		want   string
	}{
		{"a directory in use", bare, Restore{DataDir: used, NewAuthority: true}, "is not empty"},
		{"no authority in it", bare, Restore{}, "missing in this backup"},
		{"no key for it", sealed, Restore{}, "it is in the backup, encrypted"},
		{"the wrong key", sealed, Restore{Identity: other}, "does not open with this key"},
		{"another fleet's authority", bare, Restore{AuthorityDir: filepath.Join(foreign.dir, "ca")}, "is of the fleet"},
		{"a backup that is cut off", bare[:len(bare)-7], Restore{NewAuthority: true}, "cut off"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.r.Store, c.r.Now = options(), t0
			if c.r.DataDir == "" {
				c.r.DataDir = filepath.Join(t.TempDir(), "new")
			}
			before, _ := os.ReadDir(c.r.DataDir)
			_, err := c.r.Run(bytes.NewReader(c.backup))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			after, _ := os.ReadDir(c.r.DataDir)
			if len(before) != len(after) {
				t.Error("it was refused, and something was made")
			}
		})
	}
}

func TestRestoreWithTheAuthorityKeptElsewhere(t *testing.T) {
	d := newData(t)
	dir := t.TempDir() // empty is as good as absent
	r := Restore{DataDir: dir, AuthorityDir: filepath.Join(d.dir, "ca"), Store: options(), Now: t0}
	_, err := r.Run(bytes.NewReader(d.backup(t, nil)))
	must(t, err)
	_, err = certs.OpenAuthority(filepath.Join(dir, "ca"))
	must(t, err)
}

const crashDirVar = "BORGFLEET_TEST_CRASH_DIR"

// crashing kills its process when it has been read once and then some more.
type crashing struct {
	*bytes.Reader
	left int64 // of the second time
	then bool
}

func (c *crashing) Seek(off int64, whence int) (int64, error) {
	c.then = true
	return c.Reader.Seek(off, whence)
}

func (c *crashing) Read(p []byte) (int, error) {
	if c.then {
		if c.left <= 0 {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
		p = p[:min(int64(len(p)), c.left)]
	}
	n, err := c.Reader.Read(p)
	if c.then {
		c.left -= int64(n)
	}
	return n, err
}

func crashChild(dir string) {
	data, err := os.ReadFile(filepath.Join(dir, "backup"))
	if err != nil {
		os.Exit(7)
	}
	at := int64(len(data)) * int64(len(os.Getenv("PART"))) / 4
	in := &crashing{Reader: bytes.NewReader(data), left: max(200, at)}
	r := Restore{DataDir: filepath.Join(dir, "data"), NewAuthority: true, Store: options(), Now: t0}
	_, _ = r.Run(in)
	os.Exit(8)
}

// Whenever a restore is killed, what is there is refused, by a start of the
// controller and by another restore; and with that removed, the next one works.
func TestKilledRestore(t *testing.T) {
	d := newData(t)
	for range 200 {
		d.addJob(t, 300)
	}
	b := d.backup(t, nil)
	for _, part := range []string{"", "x", "xx", "xxx"} {
		dir := t.TempDir()
		must(t, os.WriteFile(filepath.Join(dir, "backup"), b, 0o600))
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), crashDirVar+"="+dir, "PART="+part)
		err := cmd.Run()
		ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
		if !ok || !ws.Signaled() {
			t.Fatalf("the restore was to be killed, and ended with %v", err)
		}
		data := filepath.Join(dir, "data")
		if err := RefuseUnfinished(data); err == nil || !strings.Contains(err.Error(), "did not come to its end") {
			t.Errorf("after %q: a controller would start on a part of a store: %v", part, err)
		}
		r := Restore{DataDir: data, NewAuthority: true, Store: options(), Now: t0}
		if _, err := r.Run(bytes.NewReader(b)); err == nil || !strings.Contains(err.Error(), "did not come to its end") {
			t.Errorf("after %q: a second restore: %v", part, err)
		}
		must(t, os.RemoveAll(data))
		_, err = r.Run(bytes.NewReader(b))
		must(t, err)
		must(t, RefuseUnfinished(data))
		// Without it the controller would look for the hosts' authority, and not start.
		if wanted, err := NewAuthorityWanted(data); err != nil || !wanted {
			t.Errorf("a new authority is wanted: %v, %v", wanted, err)
		}
	}
}

// A file that changes between the two readings leaves nothing that would start.
func TestChangedBetweenReadings(t *testing.T) {
	d := newData(t)
	b := d.backup(t, nil)
	in := &changing{Reader: bytes.NewReader(b), second: b[:len(b)-40]}
	dir := filepath.Join(t.TempDir(), "new")
	r := Restore{DataDir: dir, NewAuthority: true, Store: options(), Now: t0}
	if _, err := r.Run(in); !errors.Is(err, ErrCutOff) {
		t.Errorf("got %v", err)
	}
	if RefuseUnfinished(dir) == nil {
		t.Error("a controller would start on a part of a store")
	}
}

type changing struct {
	*bytes.Reader
	second []byte
}

func (c *changing) Seek(int64, int) (int64, error) {
	c.Reader = bytes.NewReader(slices.Clone(c.second))
	return 0, nil
}

var _ io.ReadSeeker = (*changing)(nil)
