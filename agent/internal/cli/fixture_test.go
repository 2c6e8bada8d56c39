package cli

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"borgfleet/agent/internal/daemon"
	"borgfleet/agent/internal/jobdir"
	"borgfleet/agent/internal/local"
	"borgfleet/agent/internal/policy"
	"borgfleet/agent/internal/state"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
	"borgfleet/shared/wire"
)

// TestMain shows times in one zone, wherever the tests run.
func TestMain(m *testing.M) {
	time.Local = time.UTC
	os.Exit(m.Run())
}

const (
	keyA = "019a0000-0000-7000-8000-0000aaaa0001"
	keyB = "019a0000-0000-7000-8000-0000bbbb0002"
	keyC = "019a0000-0000-7000-8000-0000cccc0003"
)

func now() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// newState is an enrolled host's.
func newState(t *testing.T) state.Dir {
	t.Helper()
	dir, err := state.At(filepath.Join(t.TempDir(), "state"))
	must(t, err)
	must(t, dir.Create())
	must(t, dir.SaveIdentity(identityOfTest()))
	must(t, policy.Default().Save(dir.Config()))
	data, err := proto.Marshal(&fleetv1.WatchResponse{
		Snapshot: true, StoreId: "store", Repositories: []*fleetv1.Repository{wire.FromRepository(web())},
	})
	must(t, err)
	must(t, os.WriteFile(dir.Desired(), data, 0o600))
	return dir
}

func identityOfTest() state.Identity {
	return state.Identity{AgentID: "a1", Name: "web1", FleetID: "f1", StateID: "s1", ControllerURL: "https://controller:5443"}
}

func web() job.Repository {
	return job.Repository{ID: 4, Name: "web", Path: "/srv/backups/web", Sources: []string{"/etc", "/srv"}}
}

// made makes a job's directory; n is its place in time.
func made(t *testing.T, dir state.Dir, key string, n int) *jobdir.Dir {
	t.Helper()
	k, err := job.ParseKey(key)
	must(t, err)
	at := time.Date(2026, 3, 1, 10, n, 0, 0, time.UTC)
	d, err := jobdir.Create(dir.Jobs(), k, job.Spec{
		Kind: job.Backup, Repository: web(), CreatedAt: at, StartDeadline: now().Add(time.Hour), TriggeredBy: job.ByManual,
	}, job.PhaseAnnounced)
	must(t, err)
	return d
}

// record writes a whole job: its lines and its end. An empty status leaves it
// running.
func record(t *testing.T, d *jobdir.Dir, status job.Status, message string, lines ...job.Record) *jobdir.Journal {
	t.Helper()
	lock, err := d.TryLock()
	must(t, err)
	journal, err := d.OpenJournal(jobdir.Limits{})
	must(t, err)
	t.Cleanup(func() { journal.Close(); lock.Close() })
	for _, l := range lines {
		journal.Append(jobdir.Line{Record: l})
	}
	must(t, journal.Sync())
	at := d.Spec().CreatedAt
	if status != "" {
		must(t, d.WriteVerdict(job.Verdict{
			Status: status, ErrorMessage: message, StartedAt: at, EndedAt: at.Add(95 * time.Second), JournalEnd: journal.Next() - 1,
			Progress: job.Progress{OriginalSize: 5_200_000_000, DedupSize: 12_000_000, NFiles: 20341},
		}))
		return journal
	}
	must(t, d.Update(func(r *job.Register) {
		r.Phase, r.StartedAt = job.PhaseStarted, at
		r.Progress = job.Progress{OriginalSize: 2_000_000_000, NFiles: 1200, Percent: 40.5, TotalExpected: 5_000_000_000, TotalSource: job.TotalWalk, Speed: 50}
	}))
	return journal
}

// serve runs a daemon on the directory, without a controller.
func serve(t *testing.T, dir state.Dir) *daemon.Daemon {
	t.Helper()
	d, err := daemon.New(daemon.Options{
		State: dir, MaxParallel: 1, Logger: slog.New(slog.DiscardHandler), Now: now, OwnAuthority: time.Hour,
		Spawn: func(*jobdir.Dir, *jobdir.Lock) *exec.Cmd { return exec.Command("true") },
	})
	must(t, err)
	l, err := local.Listen(dir.Socket())
	must(t, err)
	s := local.New(local.Options{
		Jobs: d, Identity: identityOfTest(), StateDir: "STATE", Version: "1.0.0",
		Link: func() string { return "dial tcp: no route\x1b to host" },
		Borg: func(context.Context) []local.Borg {
			return []local.Borg{{Path: "/usr/bin/borg", Version: "1.4.0"}, {Path: "/opt/borg", Problem: "too old"}}
		},
		CertificateExpires: func() time.Time { return now().Add(24 * time.Hour) }, Logger: slog.New(slog.DiscardHandler),
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	go func() { ended <- d.Run(ctx) }()
	go func() { ended <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		for range 2 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	})
	return d
}

// result is what a command did.
type result struct {
	code     int
	out, err string
}

func command(t *testing.T, dir state.Dir, line string, hooks Hooks) result {
	t.Helper()
	return commandIn(t.Context(), t, dir, line, hooks, nil)
}

func commandIn(ctx context.Context, t *testing.T, dir state.Dir, line string, hooks Hooks, watch func(string)) result {
	t.Helper()
	var out, errs bytes.Buffer
	w := &watched{Buffer: &out, each: watch}
	a := &agent{in: strings.NewReader(""), out: term.Screen{W: w}, err: term.Screen{W: &errs}, hooks: hooks, now: now}
	args := append(strings.Fields(line), "--state-dir", dir.Path())
	code := a.program().Run(ctx, args, cmdline.Streams{In: a.in, Out: w, Err: &errs})
	// What tests compare must not have the test's own directory in it.
	plain := strings.NewReplacer(dir.Path(), "STATE").Replace
	return result{code, plain(out.String()), plain(errs.String())}
}

// watched tells a test what was just written.
type watched struct {
	*bytes.Buffer
	each func(string)
}

func (w *watched) Write(p []byte) (int, error) {
	n, err := w.Buffer.Write(p)
	if w.each != nil {
		w.each(string(p))
	}
	return n, err
}

func (r result) want(t *testing.T, code int, out, err string) {
	t.Helper()
	if r.code != code || r.out != out || r.err != err {
		t.Errorf("exit status %d, want %d\n--- stdout\n%s--- want\n%s--- stderr\n%s--- want\n%s", r.code, code, r.out, out, r.err, err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
