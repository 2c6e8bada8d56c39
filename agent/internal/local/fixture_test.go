package local

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"borgfleet/agent/internal/daemon"
	"borgfleet/agent/internal/jobdir"
	"borgfleet/agent/internal/state"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/wire"
)

// host is a state directory with a daemon and its socket, and no borg.
type host struct {
	t      *testing.T
	state  state.Dir
	daemon *daemon.Daemon
	client *Client
	link   string
}

func repositories() []job.Repository {
	return []job.Repository{
		{ID: 1, Name: "web", Path: "/srv/backups/web", Sources: []string{"/etc"}, Encryption: "none"},
		{ID: 2, Name: "mail", Path: "ssh://bk@host/./mail", Sources: []string{"/var/mail"}, Encryption: "none", Retention: job.Keep{Daily: 7}},
	}
}

func newState(t *testing.T) state.Dir {
	t.Helper()
	dir, err := state.At(filepath.Join(t.TempDir(), "state"))
	must(t, err)
	must(t, dir.Create())
	defs := &fleetv1.WatchResponse{Snapshot: true, StoreId: "store"}
	for _, r := range repositories() {
		defs.Repositories = append(defs.Repositories, wire.FromRepository(r))
	}
	data, err := proto.Marshal(defs)
	must(t, err)
	must(t, os.WriteFile(dir.Desired(), data, 0o600))
	return dir
}

// serve runs a daemon on what the state directory holds. Jobs that are to be
// left alone must be locked before.
func serve(t *testing.T, dir state.Dir, change func(*Options)) *host {
	t.Helper()
	d, err := daemon.New(daemon.Options{
		State: dir, MaxParallel: 1, Logger: slog.New(slog.DiscardHandler), Now: time.Now,
		OwnAuthority: time.Hour, // nothing starts by itself
		Spawn: func(*jobdir.Dir, *jobdir.Lock) *exec.Cmd {
			return exec.Command("true")
		},
	})
	must(t, err)
	h := &host{t: t, state: dir, daemon: d, client: NewClient(dir.Socket()), link: "no route to host"}
	o := Options{
		Jobs: d, StateDir: dir.Path(), Version: "1.0.0",
		Identity:           state.Identity{AgentID: "a1", Name: "web1", FleetID: "f1", ControllerURL: "https://controller:5443"},
		Link:               func() string { return h.link },
		Borg:               func(context.Context) []Borg { return []Borg{{Path: "/usr/bin/borg", Version: "1.4.0"}} },
		CertificateExpires: func() time.Time { return time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC) },
		Logger:             slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&o)
	}
	l, err := Listen(dir.Socket())
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	go func() { ended <- d.Run(ctx) }()
	go func() { ended <- New(o).Serve(ctx, l) }()
	t.Cleanup(func() {
		h.client.Close()
		cancel()
		for range 2 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	})
	return h
}

func key(t *testing.T, text string) job.Key {
	t.Helper()
	k, err := job.ParseKey(text)
	must(t, err)
	return k
}

// made makes a job's directory; n is its place in time.
func made(t *testing.T, dir state.Dir, k string, n int, phase job.Phase) *jobdir.Dir {
	t.Helper()
	at := time.Date(2026, 3, 1, 10, n, 0, 0, time.UTC)
	d, err := jobdir.Create(dir.Jobs(), key(t, k), job.Spec{
		Kind: job.Backup, Repository: repositories()[0], CreatedAt: at, StartDeadline: time.Now().Add(time.Hour), TriggeredBy: job.ByManual,
	}, phase)
	must(t, err)
	return d
}

// process plays the job process of a directory.
type process struct {
	t        *testing.T
	dir      *jobdir.Dir
	lock     *jobdir.Lock
	journal  *jobdir.Journal
	register *jobdir.Registrar
}

func play(t *testing.T, dir *jobdir.Dir) *process {
	t.Helper()
	lock, err := dir.TryLock()
	must(t, err)
	p := &process{t: t, dir: dir, lock: lock}
	p.journal, err = dir.OpenJournal(jobdir.Limits{})
	must(t, err)
	p.register, err = dir.OpenRegister()
	must(t, err)
	t.Cleanup(func() {
		p.register.Close()
		p.journal.Close()
		p.lock.Close()
	})
	return p
}

func (p *process) say(lines ...string) {
	for _, l := range lines {
		p.journal.Append(jobdir.Line{Record: job.Record{Level: job.LevelInfo, Source: "borg", Text: l}})
	}
}

func (p *process) come(change func(*job.Register)) {
	p.t.Helper()
	p.register.Change(change)
	must(p.t, p.register.Flush())
}

func (p *process) end(status job.Status, message string) {
	p.t.Helper()
	must(p.t, p.journal.Sync())
	must(p.t, p.dir.WriteVerdict(job.Verdict{
		Status: status, ErrorMessage: message, StartedAt: p.dir.Spec().CreatedAt, EndedAt: p.dir.Spec().CreatedAt.Add(90 * time.Second),
		JournalEnd: p.journal.Next() - 1, Progress: job.Progress{OriginalSize: 5000, NFiles: 3},
	}))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
