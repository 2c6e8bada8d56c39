package e2e

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
)

// TestHostileWords: orders that are none, and more of them than any host can
// bear. They leave nothing behind; the orders beside them are carried out.
func TestHostileWords(t *testing.T) {
	t.Parallel()
	s := seize(t)
	none := map[string]func(*fleetv1.Order){
		"no spec":              func(o *fleetv1.Order) { o.Spec = nil },
		"no key":               func(o *fleetv1.Order) { o.Key = nil },
		"the zero key":         func(o *fleetv1.Order) { o.Key = make([]byte, 16) },
		"a short key":          func(o *fleetv1.Order) { o.Key = o.Key[:15] },
		"a key that is a path": func(o *fleetv1.Order) { o.Key = []byte("../../../../etc/x") },
		"a kind that is none":  func(o *fleetv1.Order) { o.Spec.Kind = "exec" },
		"no kind":              func(o *fleetv1.Order) { o.Spec.Kind = "" },
		"a trigger of no kind": func(o *fleetv1.Order) { o.Spec.TriggeredBy = "root" },
		"no creation time":     func(o *fleetv1.Order) { o.Spec.CreatedAt = nil },
		"no deadline":          func(o *fleetv1.Order) { o.Spec.StartDeadline = nil },
		"a deadline never over": func(o *fleetv1.Order) {
			o.Spec.StartDeadline = timestamppb.New(time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC))
		},
		"a deadline of no time": func(o *fleetv1.Order) {
			o.Spec.StartDeadline = &timestamppb.Timestamp{Seconds: math.MaxInt64, Nanos: math.MaxInt32}
		},
		"created at no time":    func(o *fleetv1.Order) { o.Spec.CreatedAt = &timestamppb.Timestamp{Seconds: math.MinInt64} },
		"a parent of two bytes": func(o *fleetv1.Order) { o.Spec.ParentKey = []byte("xx") },
		"a spec of 4 MiB":       func(o *fleetv1.Order) { o.Spec.RequestedBy = strings.Repeat("x", 4<<20) },
	}
	before := entries(t, filepath.Join(s.host.StateDir, "jobs"))
	var orders []*fleetv1.Order
	for _, change := range none {
		orders = append(orders, s.order(t, change))
	}
	s.say(t, orders...)
	if left := entries(t, filepath.Join(s.host.StateDir, "jobs")); len(left) != len(before) {
		t.Errorf("there were %d directories of jobs, there are %d", len(before), len(left))
	}
	// What is not known to do is not done, and does not keep the job from starting
	// once somebody says that it should.
	odd := s.order(t, func(o *fleetv1.Order) { o.Desired = 99; o.Id = math.MinInt64; o.Spec.ScheduleId = math.MinInt64 })
	late := s.order(t, func(o *fleetv1.Order) { o.Spec.StartDeadline = timestamppb.New(time.Now().Add(-time.Hour)) })
	s.say(t, odd, late)
	if v := s.verdict(t, odd); v.Status != "completed" {
		t.Errorf("%s %s", v.ErrorCode, v.ErrorMessage)
	}
	if v := s.verdict(t, late); v.ErrorCode != "start_deadline" {
		t.Errorf("%s %s", v.ErrorCode, v.ErrorMessage)
	}
	s.unhurt(t)
	said := s.host.Output()
	if n := strings.Count(said, "left alone"); n != 1 || len(said) > 64<<10 {
		t.Errorf("%d lines about %d orders, %d bytes in all", n, len(orders), len(said))
	}
}

// TestOrderFlood: more orders at once than a host takes. No more of them run at a
// time than its owner allows, what is too many leaves nothing behind, and when
// they are over there is room again.
func TestOrderFlood(t *testing.T) {
	t.Parallel()
	s := seize(t)
	const flood = 300
	var orders []*fleetv1.Order
	for i := range flood {
		orders = append(orders, s.order(t, func(o *fleetv1.Order) {
			o.Id = 7 // all the same
			switch i % 30 {
			case 0: // is allowed
			case 1:
				o.Spec.Kind = "list"
				o.Spec.Repository.Path = s.env.Repositories() + "/absent"
			default:
				o.Spec.Repository.Path = "/etc/forbidden"
			}
		}))
	}
	most := 0
	stop := make(chan struct{})
	counted := make(chan struct{})
	go func() {
		defer close(counted)
		for {
			most = max(most, len(s.host.JobProcesses()))
			select {
			case <-stop:
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	}()
	for part := range flood / 100 {
		fatal(t, s.imp.Say(&fleetv1.WatchResponse{Orders: orders[part*100 : (part+1)*100]}))
	}
	for range 3 { // the same ones again and again, in another order of revisions
		fatal(t, s.imp.Say(&fleetv1.WatchResponse{Revision: 1, Orders: orders[:100]}))
	}
	cancel := make([]*fleetv1.Order, flood)
	for i, o := range orders {
		cancel[i] = proto.CloneOf(o)
		cancel[i].Desired = fleetv1.Order_DESIRED_CANCEL
	}
	fatal(t, s.imp.Say(&fleetv1.WatchResponse{Orders: cancel[:250]}))
	for left := 200; left > 0; { // the first ones were taken
		now := 0
		fatal(t, s.env.Await("more of them have ended", func() (bool, error) {
			now = 0
			for _, o := range orders[:200] {
				if s.imp.Reported(job.Key(o.Key)).GetVerdict() == nil {
					now++
				}
			}
			return now < left, nil
		}))
		left = now
	}
	for left := flood; left > 0; {
		now := 0
		fatal(t, s.env.Await("more of what was taken has ended", func() (bool, error) {
			now = 0
			for _, o := range orders {
				if reg := s.imp.Reported(job.Key(o.Key)); reg != nil && reg.Verdict == nil {
					now++
				}
			}
			return now < left, nil
		}))
		left = now
	}
	close(stop)
	<-counted
	if most > 2*(1+8) { // those that have ended may be on their way out

		t.Errorf("%d job processes at once", most)
	}
	if n := len(entries(t, filepath.Join(s.host.StateDir, "jobs"))); n > 256+250+5 {
		t.Errorf("%d jobs were taken", n)
	}
	seen := map[string]int{}
	for _, e := range s.borgs.creates(t) {
		seen[e.args[len(e.args)-2]]++
	}
	for archive, n := range seen {
		if n != 1 {
			t.Errorf("%s was made %d times", archive, n)
		}
	}
	s.unhurt(t)
}

// TestContradictions: desired states that contradict each other, and answers
// that cannot be true. What was begun goes on to its true end, what has ended
// stays ended.
func TestContradictions(t *testing.T) {
	t.Parallel()
	s := seize(t)
	done := s.order(t, nil)
	s.say(t, done)
	s.verdict(t, done)
	ran := len(s.borgs.creates(t))

	// A key that was used up, with other things to do.
	again := proto.CloneOf(done)
	again.Spec.Repository.SourceDirectories = []string{"/etc"}
	again.Spec.Kind = "restore"
	s.say(t, again, again, done)
	// Run and cancel in one message; cancelled, then run.
	both := s.order(t, nil)
	stop := proto.CloneOf(both)
	stop.Desired = fleetv1.Order_DESIRED_CANCEL
	s.say(t, stop, both, stop, both)
	if v := s.verdict(t, both); v.Status != "cancelled" {
		t.Errorf("%s %s", v.Status, v.ErrorMessage)
	}
	if n := len(s.borgs.creates(t)); n != ran {
		t.Errorf("executed %d times more", n-ran)
	}

	// A job that waits for its repository's lock is forgotten, and said to have
	// been sent up to the last number there is.
	release := lockRepository(t, s.repo.Path)
	waits := s.order(t, nil)
	s.say(t, waits)
	key := job.Key(waits.Key)
	fatal(t, s.env.Await("it waits", func() (bool, error) {
		return s.imp.Reported(key).GetPhase() == fleetv1.Register_PHASE_WAITING, nil
	}))
	for _, next := range []uint64{math.MaxUint64, math.MaxUint64 - 1, 1 << 63, 1 << 40, 1 << 21, 0} {
		for action := range fleetv1.JobAnswer_Action_name {
			a := fleetv1.JobAnswer_Action(action)
			if a == fleetv1.JobAnswer_ACTION_CANCEL {
				continue
			}
			fatal(t, s.imp.Answer(&fleetv1.ReportResponse{Jobs: []*fleetv1.JobAnswer{{Key: waits.Key, Action: a, Next: next, Id: -5, SpecWanted: true, Follow: true}}}))
		}
	}
	fatal(t, s.imp.Answer(&fleetv1.ReportResponse{Jobs: []*fleetv1.JobAnswer{{Key: waits.Key, Action: 77, Next: math.MaxUint64, Id: math.MinInt64}}}))
	// Its job process begins anew, and reads what was noted.
	for _, pid := range s.host.JobProcesses() {
		fatal(t, killProcess(pid))
	}
	// Meanwhile all definitions go, and come back as others.
	fatal(t, s.imp.Say(&fleetv1.WatchResponse{Snapshot: true, StoreId: "another"}))
	fatal(t, s.imp.Say(&fleetv1.WatchResponse{RemovedRepositories: []int64{s.repo.Id, 0, -1, math.MinInt64}}))
	fatal(t, s.imp.Say(&fleetv1.WatchResponse{Snapshot: true, Repositories: []*fleetv1.Repository{{Id: -1}, {}, {Id: math.MaxInt64, Path: "/proc/self/mem"}, {Id: 3, Path: "/dev/zero"}}}))
	release()
	if v := s.verdict(t, waits); v.Status != "completed" || v.JournalEnd > 1<<21 {
		t.Errorf("%s %s, its log ends with %d", v.Status, v.ErrorMessage, v.JournalEnd)
	}
	s.unhurt(t)

	// The true controller takes it in, with its whole log.
	fatal(t, s.imp.Release(s.host))
	var page struct{ Jobs []struct{ ID int64 } }
	fatal(t, s.env.Await("its log is complete there", func() (bool, error) {
		err := s.env.API.Get("/api/backup/jobs?limit=50&status=completed", &page)
		if err != nil || len(page.Jobs) != 3 {
			return false, err
		}
		for _, j := range page.Jobs {
			if j, err := s.env.API.Job(j.ID); err != nil || !j.LogComplete {
				return false, err
			}
		}
		return true, nil
	}))
	if j := backup(t, s.env, s.repo.Path); j.Status != "completed" {
		t.Errorf("%+v", j)
	}
}

// lockRepository holds borg's own lock, until release.
func lockRepository(t *testing.T, repo string) (release func()) {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command("borg", "with-lock", repo, "sh", "-c", "touch "+dir+"/held; while [ ! -e "+dir+"/let ]; do sleep 0.05; done")
	cmd.Env = append(os.Environ(), "BORG_BASE_DIR="+t.TempDir(), "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes")
	fatal(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(dir + "/held"); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the repository cannot be locked")
		}
	}
	return func() {
		t.Helper()
		fatal(t, os.WriteFile(dir+"/let", nil, 0o600))
		fatal(t, <-ended)
	}
}

// TestLinkMovesWhileAJobWaits: what the policy looked at when the order came may
// be something else when borg can begin.
func TestLinkMovesWhileAJobWaits(t *testing.T) {
	t.Parallel()
	s := seize(t)
	inside, outside := filepath.Join(s.source, "d000"), t.TempDir()
	fatal(t, os.WriteFile(filepath.Join(outside, "secret"), []byte("x"), 0o600))
	link := filepath.Join(s.source, "way")
	fatal(t, os.Symlink(inside, link))
	o := s.order(t, func(o *fleetv1.Order) { o.Spec.Repository.SourceDirectories = []string{link + "/."} })
	release := lockRepository(t, s.repo.Path)
	s.say(t, o)
	fatal(t, s.env.Await("it waits", func() (bool, error) {
		return s.imp.Reported(job.Key(o.Key)).GetPhase() == fleetv1.Register_PHASE_WAITING, nil
	}))
	fatal(t, os.Remove(link))
	fatal(t, os.Symlink(outside, link))
	release()
	if v := s.verdict(t, o); v.ErrorCode != "policy_refused" || !strings.Contains(v.ErrorMessage, outside) {
		t.Errorf("%s %s: %s", v.Status, v.ErrorCode, v.ErrorMessage)
	}
	fatal(t, os.Remove(link))
	s.unhurt(t)
}

// TestHostileBytes: answers that no honest library writes. The agent ends the
// connection, stays small, and is there for the next one.
func TestHostileBytes(t *testing.T) {
	t.Parallel()
	s := seize(t)
	frame := func(flags byte, length uint32, body []byte) []byte {
		return append(append([]byte{flags}, binary.BigEndian.AppendUint32(nil, length)...), body...)
	}
	whole := func(flags byte, body []byte) []byte { return frame(flags, uint32(len(body)), body) }
	marshal := func(m *fleetv1.WatchResponse) []byte {
		data, err := proto.Marshal(m)
		fatal(t, err)
		return data
	}
	order := marshal(&fleetv1.WatchResponse{Revision: 1, Orders: []*fleetv1.Order{s.order(t, func(o *fleetv1.Order) { o.Spec.RequestedBy = "NOTUTF8!" })}})
	for name, answer := range map[string]func(w io.Writer){
		"invalid UTF-8": func(w io.Writer) {
			w.Write(whole(0, bytes.Replace(order, []byte("NOTUTF8!"), []byte("\xff\xfe\xfd\x00\xc0\xaf\xed\xa0"), 1)))
		},
		"noise":              func(w io.Writer) { w.Write(whole(0, bytes.Repeat([]byte{0xff, 0x7f, 0x0a}, 1000))) },
		"a cut message":      func(w io.Writer) { w.Write(whole(0, order[:len(order)/2])) },
		"four gigabytes":     func(w io.Writer) { w.Write(frame(0, math.MaxUint32, bytes.Repeat([]byte{0x0a}, 1<<20))) },
		"64 MiB":             func(w io.Writer) { w.Write(whole(0, make([]byte, 64<<20))) },
		"a packed bomb":      func(w io.Writer) { w.Write(whole(1, bomb(t, 2<<30))) },
		"packed noise":       func(w io.Writer) { w.Write(whole(1, []byte("no gzip at all"))) },
		"flags of no kind":   func(w io.Writer) { w.Write(whole(0xfc, order)) },
		"an end, then words": func(w io.Writer) { w.Write(append(whole(2, []byte("{}")), whole(0, order)...)) },
		"a million definitions": func(w io.Writer) {
			m := &fleetv1.WatchResponse{Snapshot: true}
			for i := range 1_000_000 {
				m.Repositories = append(m.Repositories, &fleetv1.Repository{Id: int64(i + 1)})
			}
			w.Write(whole(0, marshal(m)))
		},
		"definitions of 15 MiB": func(w io.Writer) {
			m := &fleetv1.WatchResponse{Snapshot: true}
			for i := range 15 {
				m.Repositories = append(m.Repositories, &fleetv1.Repository{Id: int64(i + 1), Name: strings.Repeat("x", 1<<20)})
			}
			for range 10 {
				w.Write(whole(0, marshal(m)))
				for _, r := range m.Repositories {
					r.Id += 15
				}
				m.Snapshot = false
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s.imp.AnswerWatch(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/connect+proto")
				if strings.Contains(name, "packed") {
					w.Header().Set("Connect-Content-Encoding", "gzip") // else its bytes would not be looked at
				}
				answer(w)
				w.(http.Flusher).Flush()
				if name != "four gigabytes" { // there the agent waits a minute for the rest
					<-r.Context().Done() // the agent's own wish
				}
			})
			fatal(t, s.host.Stop()) // anew, it comes back soon
			s.imp.Lure(s.host)
			came := s.imp.Hellos()
			fatal(t, s.host.Start())
			s.pid = s.host.PID()
			for n := 1; n <= 2; n++ { // again, after what it was answered
				fatal(t, s.env.Await("the agent has come", func() (bool, error) { return s.imp.Hellos() >= came+n, nil }))
			}
			if !s.host.Running() {
				t.Fatal("the daemon has ended")
			}
			within(t, "the agent's memory", peak(s.pid), mostAgentBytes)
		})
	}
	s.imp.AnswerWatch(nil)
	fatal(t, s.imp.Seize(s.host))
	s.unhurt(t)
}

// mostAgentBytes: a message of the largest size, as it comes, unpacked and taken
// apart.
const mostAgentBytes = 120 * megabyte

// bomb is n zeros, packed.
func bomb(t *testing.T, n int64) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, err := io.CopyN(z, zeros{}, n)
	fatal(t, err)
	fatal(t, z.Close())
	return out.Bytes()
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

func killProcess(pid int) error {
	p, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	if err := p.Kill(); err != nil {
		return fmt.Errorf("kill %d: %w", pid, err)
	}
	return nil
}
