package e2e

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"borgfleet/scripts/testenv"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
)

// executions is what a host's borg was executed with, by its own account.
type executions struct{ dir string }

// execution is one of them.
type execution struct{ args, env []string }

// newExecutions makes a borg that writes down how it was called, and then is
// the real one.
func newExecutions(t *testing.T) (executions, []string) {
	t.Helper()
	x := executions{t.TempDir()}
	return x, borgScript(t, fmt.Sprintf(`
note=$(mktemp %s/XXXXXXXX)
printf '%%s\0' "$@" > $note.args
cat /proc/$$/environ > $note.env
mv $note.args $note.done
exec $BORG "$@"
`, x.dir))
}

// all are those that did more than tell borg's version.
func (x executions) all(t *testing.T) []execution {
	t.Helper()
	notes, err := filepath.Glob(filepath.Join(x.dir, "*.done"))
	fatal(t, err)
	var out []execution
	for _, note := range notes {
		e := execution{args: words(t, note), env: words(t, strings.TrimSuffix(note, ".done")+".env")}
		if !slices.Equal(e.args, []string{"--version"}) {
			out = append(out, e)
		}
	}
	return out
}

func words(t *testing.T, file string) (out []string) {
	t.Helper()
	data, err := os.ReadFile(file)
	fatal(t, err)
	for w := range bytes.SplitSeq(bytes.TrimSuffix(data, []byte{0}), []byte{0}) {
		out = append(out, string(w))
	}
	return out
}

// creates are the backups among them.
func (x executions) creates(t *testing.T) (out []execution) {
	t.Helper()
	for _, e := range x.all(t) {
		if slices.Contains(e.args, "create") {
			out = append(out, e)
		}
	}
	return out
}

// seized is a host whose controller was taken over, with one repository that
// the true controller registered.
type seized struct {
	env      *testenv.Env
	host     *testenv.Host
	imp      *testenv.Impostor
	borgs    executions
	repo     *fleetv1.Repository // of a backup that the owner allows
	source   string
	restores string // where the owner allows restores
	pid      int
}

// seize starts a fleet and takes its controller over. allow is added to what
// the host's owner allows.
func seize(t *testing.T, allow ...string) *seized {
	t.Helper()
	s := &seized{source: tree(t, 3), restores: t.TempDir()}
	var script []string
	s.borgs, script = newExecutions(t)
	s.env = newFleet(t, testenv.Fleet{
		Controller: []string{"--log-policy", "all"},
		Agents: []testenv.Agent{{
			Name: "host", Env: script, OwnProxy: true,
			Allow: append([]string{"--allow-source", s.source}, allow...),
		}},
	})
	s.host = s.env.Hosts["host"]
	_, err := s.host.CLI("allow", "--destination", s.restores)
	fatal(t, err)
	body := repository{Name: "r", Sources: []string{s.source}}.body(s.env)
	var r struct {
		ID     int64
		Status string
	}
	fatal(t, s.env.API.Post("/api/repositories", body, &r))
	fatal(t, s.env.Await("the repository is ready", func() (bool, error) {
		err := s.env.API.Get("/api/repositories/"+itoa(r.ID), &r)
		return r.Status == "ready", err
	}))
	s.repo = &fleetv1.Repository{Id: r.ID, Name: "r", Path: body["path"].(string), Encryption: "none", SourceDirectories: []string{s.source}, LockWait: 1}
	s.imp, err = s.env.NewImpostor()
	fatal(t, err)
	t.Cleanup(func() { s.imp.Close() })
	fatal(t, s.imp.Seize(s.host))
	s.pid = s.host.PID()
	return s
}

// order is a backup that the owner allows, as change makes it.
func (s *seized) order(t *testing.T, change func(*fleetv1.Order)) *fleetv1.Order {
	t.Helper()
	key, err := job.NewKey()
	fatal(t, err)
	repo := proto.CloneOf(s.repo)
	o := &fleetv1.Order{Key: key[:], Desired: fleetv1.Order_DESIRED_RUN, Spec: &fleetv1.JobSpec{
		Kind: "backup", Repository: repo, TriggeredBy: "manual",
		CreatedAt: timestamppb.Now(), StartDeadline: timestamppb.New(time.Now().Add(time.Hour)),
	}}
	if change != nil {
		change(o)
	}
	return o
}

// say orders, and waits until the agent has it on its disk.
func (s *seized) say(t *testing.T, orders ...*fleetv1.Order) {
	t.Helper()
	fatal(t, s.imp.Say(&fleetv1.WatchResponse{Orders: orders}))
	fatal(t, s.imp.Confirmed())
}

// verdict waits for the end of a job that was ordered.
func (s *seized) verdict(t *testing.T, o *fleetv1.Order) *fleetv1.Verdict {
	t.Helper()
	v, err := s.imp.Verdict(job.Key(o.Key))
	fatal(t, err)
	return v
}

// unhurt wants the agent to be what it was: the same process, small, and good
// for a backup that its owner allows.
func (s *seized) unhurt(t *testing.T) {
	t.Helper()
	if !s.host.Running() || s.host.PID() != s.pid {
		t.Fatalf("the daemon has ended: %s", tail(s.host.Output(), 20))
	}
	within(t, "the agent's memory", peak(s.pid), mostAgentSeized)
	within(t, "the agent's state", sizeOf(t, s.host.StateDir), mostStateSeized)
	before := len(s.borgs.creates(t))
	o := s.order(t, nil)
	s.say(t, o)
	if v := s.verdict(t, o); v.Status != "completed" {
		t.Errorf("a good order ended as %s, %s: %.300s", v.Status, v.ErrorCode, v.ErrorMessage)
	}
	if n := len(s.borgs.creates(t)) - before; n != 1 {
		t.Errorf("a good order executed borg %d times", n)
	}
}

const (
	mostAgentSeized = 96 * megabyte // with a message of the largest size that it takes in its hands
	mostStateSeized = 64 * megabyte
)

func sizeOf(t *testing.T, dir string) (sum int64) {
	t.Helper()
	fatal(t, filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // what goes meanwhile
		}
		if info, err := d.Info(); err == nil {
			sum += info.Size()
		}
		return nil
	}))
	return sum
}
