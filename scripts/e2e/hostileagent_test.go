package e2e

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"borgfleet/scripts/testenv"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/proto/fleet/v1/fleetv1connect"
)

// TestHostileAgent: a thief with one agent's certificate speaks to the true
// controller. What is known of other agents stays what it was, the controller
// stays small, and nobody else waits.
func TestHostileAgent(t *testing.T) {
	t.Parallel()
	s := steal(t)
	huge := strings.Repeat("x", 7<<20)
	for _, act := range []struct {
		name string
		do   func(*testing.T)
	}{
		{"another's jobs in a Hello", func(t *testing.T) {
			resp := s.hello(t, &fleetv1.JobState{Key: s.key[:], Id: 1, Register: reported("failed"), Next: 100})
			if len(resp.Jobs) != 0 {
				t.Errorf("it is answered %v", resp.Jobs)
			}
		}},
		{"another's job in a report", func(t *testing.T) {
			r := newJobReport(t, s.spec(nil), reported("failed"), &fleetv1.Record{Number: 1, Text: "forged"})
			r.Key = s.key[:]
			r.Register.Version, r.Register.Incarnation = math.MaxUint64, math.MaxUint64
			s.settled(t, s.report(t, &fleetv1.ReportRequest{Jobs: []*fleetv1.JobReport{r}}))
		}},
		{"a job of another's repository", func(t *testing.T) {
			for _, kind := range []string{"backup", "list", "init", "prune", "restore"} {
				spec := s.spec(func(p *fleetv1.JobSpec) {
					p.Kind, p.Repository.Id, p.Repository.Path = kind, s.theirs, s.env.Repositories()+"/theirs"
				})
				s.settled(t, s.report(t, &fleetv1.ReportRequest{Jobs: []*fleetv1.JobReport{newJobReport(t, spec, reported("completed"))}}))
			}
		}},
		{"a job of a repository that is to come", func(t *testing.T) { s.ahead(t) }},
		{"figures that are none", func(t *testing.T) { s.figures(t) }},
		{"a register of 7 MiB", func(t *testing.T) {
			reg := reported("failed")
			reg.Verdict.ErrorMessage, reg.Verdict.Encryption = huge, "x"
			s.settled(t, s.report(t, &fleetv1.ReportRequest{Jobs: []*fleetv1.JobReport{newJobReport(t, s.spec(nil), reg)}}))
			reg = reported("failed")
			reg.Verdict.ErrorCode, reg.Reason = huge[:3<<20], huge[:3<<20]
			s.settled(t, s.report(t, &fleetv1.ReportRequest{Jobs: []*fleetv1.JobReport{newJobReport(t, s.spec(nil), reg)}}))
		}},
		{"a spec of 7 MiB", func(t *testing.T) {
			spec := s.spec(func(p *fleetv1.JobSpec) { p.RequestedBy = huge })
			s.settled(t, s.report(t, &fleetv1.ReportRequest{Jobs: []*fleetv1.JobReport{newJobReport(t, spec, reported(""))}}))
		}},
		{"a host of 7 MiB", func(t *testing.T) {
			m := helloOf("thief")
			m.Hostname = huge
			_, err := s.thief.Hello(t.Context(), m)
			fatal(t, err)
			m = helloOf("thief")
			for range 50_000 {
				m.Borg = append(m.Borg, &fleetv1.BorgBinary{Path: huge[:100]})
			}
			_, err = s.thief.Hello(t.Context(), m)
			fatal(t, err)
			m = helloOf(huge)
			wantCode(t, func() error { _, err := s.thief.Hello(t.Context(), m); return err }, connect.CodeInvalidArgument)
		}},
		{"lines of 7 MiB", func(t *testing.T) {
			r := newJobReport(t, s.spec(nil), reported("completed"), &fleetv1.Record{Number: 1, Text: huge}, &fleetv1.Record{Number: 2, Text: "after"})
			r.Register.Verdict.JournalEnd = 2
			s.settled(t, s.report(t, &fleetv1.ReportRequest{Jobs: []*fleetv1.JobReport{r}}))
			r = newJobReport(t, s.spec(nil), reported(""), &fleetv1.Record{Number: 1, Data: []byte(huge), Level: 99, Source: huge[:1000]})
			s.settled(t, s.report(t, &fleetv1.ReportRequest{Jobs: []*fleetv1.JobReport{r}}))
		}},
		{"journals with holes", func(t *testing.T) {
			for _, first := range []uint64{2, 100, 1 << 63, math.MaxUint64} {
				r := newJobReport(t, s.spec(nil), reported(""), &fleetv1.Record{Number: first, Text: "x"})
				r.First = first
				s.report(t, &fleetv1.ReportRequest{Jobs: []*fleetv1.JobReport{r}}).ended(t, connect.CodeAborted)
			}
			r := newJobReport(t, s.spec(nil), reported(""), &fleetv1.Record{Number: 2, Text: "x"}, &fleetv1.Record{Number: 1, Text: "x"})
			s.settled(t, s.report(t, &fleetv1.ReportRequest{Jobs: []*fleetv1.JobReport{r}}))
		}},
		{"thousands of jobs", func(t *testing.T) { s.announce(t, 20_000) }},
		{"thousands of jobs in a Hello", func(t *testing.T) {
			m := helloOf("thief")
			for i := range 9_000 {
				key := make([]byte, 16)
				binary.BigEndian.PutUint64(key, uint64(i+1))
				m.Jobs = append(m.Jobs, &fleetv1.JobState{Key: key, Id: math.MaxInt64 - int64(i), Register: reported("failed")})
			}
			_, err := s.thief.Hello(t.Context(), m)
			fatal(t, err)
			for range 9_000 {
				m.Jobs = append(m.Jobs, &fleetv1.JobState{})
			}
			wantCode(t, func() error { _, err := s.thief.Hello(t.Context(), m); return err }, connect.CodeInvalidArgument)
		}},
		{"repositories that it holds", func(t *testing.T) {
			held := &fleetv1.HeldRepositories{}
			for i := range 50_000 {
				held.Repositories = append(held.Repositories, &fleetv1.Repository{Id: int64(i + 1), Path: "/x"})
			}
			s.report(t, &fleetv1.ReportRequest{Held: held}).ended(t, connect.CodeInvalidArgument)
		}},
		{"a message too long", func(t *testing.T) {
			m := &fleetv1.ReportRequest{Jobs: []*fleetv1.JobReport{newJobReport(t, s.spec(nil), nil, &fleetv1.Record{Number: 1, Text: strings.Repeat("x", 9<<20)})}}
			s.report(t, m).ended(t, connect.CodeResourceExhausted)
		}},
		{"a message of too many parts", func(t *testing.T) {
			r := newJobReport(t, s.spec(nil), nil)
			for range 2_000_000 {
				r.Records = append(r.Records, &fleetv1.Record{})
			}
			s.report(t, &fleetv1.ReportRequest{Jobs: []*fleetv1.JobReport{r}}).ended(t, connect.CodeInvalidArgument)
		}},
		{"bombs", func(t *testing.T) { s.bombs(t) }},
		{"epochs that are none", func(t *testing.T) { s.epochs(t) }},
		{"half-open streams", func(t *testing.T) { s.halfOpen(t) }},
		{"a slow reader", func(t *testing.T) { s.slow(t) }},
		{"lines for a terminal, a browser and a table", func(t *testing.T) { s.ugly(t) }},
	} {
		t.Run(act.name, func(t *testing.T) {
			act.do(t)
			s.unhurt(t)
		})
	}
	// The victim comes back and finds itself as it was.
	fatal(t, s.env.Hosts["victim"].Start())
	fatal(t, s.env.AwaitOnline("victim"))
	if j := backup(t, s.env, s.env.Repositories()+"/theirs"); j.Status != "completed" {
		t.Errorf("%+v", j)
	}
}

func wantCode(t *testing.T, call func() error, code connect.Code) {
	t.Helper()
	if err := call(); connect.CodeOf(err) != code {
		t.Errorf("%v, want %s", err, code)
	}
}

// ahead reports good backups of ids that no repository has had. Whoever is given
// them has no history.
func (s *stolen) ahead(t *testing.T) {
	var reports []*fleetv1.JobReport
	for _, id := range []int64{-1, 0, s.theirs + 1, s.theirs + 2, s.theirs + 3, s.theirs + 4, math.MaxInt64} {
		for _, kind := range []string{"backup", "list"} {
			reports = append(reports, newJobReport(t, s.spec(func(p *fleetv1.JobSpec) { p.Kind, p.Repository.Id = kind, id }), reported("completed")))
		}
	}
	s.settled(t, s.report(t, &fleetv1.ReportRequest{Jobs: reports}))
	before := len(jobsOf(t, s.env, "/api/backup/jobs?limit=100&agent=thief"))
	fatal(t, s.env.Hosts["victim"].Start())
	fatal(t, s.env.AwaitOnline("victim"))
	id := registerSlowly(t, s.env, repository{Name: "later", Agent: "victim", Sources: []string{tree(t, 1)}})
	fatal(t, s.env.Hosts["victim"].Stop())
	if got := jobsOf(t, s.env, "/api/backup/jobs?limit=100&repository="+itoa(id)); len(got) != 0 {
		t.Errorf("a new repository has the backups %v already", got)
	}
	if before != 0 && len(jobsOf(t, s.env, "/api/backup/jobs?limit=100&agent=thief")) != before {
		t.Error("they come later")
	}
	fatal(t, s.env.Await("the victim is away", func() (bool, error) {
		var v struct{ Online bool }
		err := s.env.API.Get("/api/agents/victim", &v)
		return !v.Online, err
	}))
	s.before = s.victim(t)
}

func jobsOf(t *testing.T, env *testenv.Env, path string) (ids []int64) {
	t.Helper()
	var page struct{ Jobs []struct{ ID int64 } }
	fatal(t, env.API.Get(path, &page))
	for _, j := range page.Jobs {
		ids = append(ids, j.ID)
	}
	return ids
}

// figures reports numbers and times that are none. REST has a number, or nothing,
// for each of them.
func (s *stolen) figures(t *testing.T) {
	never := &timestamppb.Timestamp{Seconds: math.MaxInt64, Nanos: math.MinInt32}
	far := &timestamppb.Timestamp{Seconds: 1 << 40}
	for _, n := range []int64{math.MinInt64, -1, math.MaxInt64} {
		for _, f := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), -1, math.MaxFloat64} {
			for _, at := range []*timestamppb.Timestamp{nil, never, far, {Seconds: -1 << 40}} {
				for _, status := range []string{"completed", ""} {
					reg := reported(status)
					reg.Version, reg.Incarnation, reg.BorgPhasePercent, reg.StartedAt = math.MaxUint64, math.MaxUint64, f, at
					reg.Progress = &fleetv1.Progress{
						OriginalSize: n, CompressedSize: n, DeduplicatedSize: n, Nfiles: n, Percent: f, Speed: f,
						TotalExpectedSize: n, EstimatedTimeRemaining: n, TotalExpectedSource: "magic",
					}
					if v := reg.Verdict; v != nil {
						v.Progress, v.StartedAt, v.EndedAt, v.LastModified = reg.Progress, at, at, at
						v.HasExitCode, v.ExitCode, v.JournalEnd = true, math.MinInt32, math.MaxUint64
					}
					spec := s.spec(func(p *fleetv1.JobSpec) { p.ScheduleId, p.StartDeadline = n, far })
					if at != nil {
						spec.StartDeadline = timestamppb.Now()
					}
					l := s.report(t, &fleetv1.ReportRequest{AppliedRevision: math.MaxUint64, Jobs: []*fleetv1.JobReport{newJobReport(t, spec, reg)}})
					s.settled(t, l)
					l.end()
				}
			}
		}
	}
	for _, id := range jobsOf(t, s.env, "/api/backup/jobs?limit=100&agent=thief") {
		if _, err := s.env.API.Job(id); err != nil {
			t.Errorf("job %d: %v", id, err)
		}
	}
}

// announce makes jobs and more jobs.
func (s *stolen) announce(t *testing.T, n int) {
	l := newLine(t, s.thief, s.hello(t).Epoch)
	for n > 0 {
		m := &fleetv1.ReportRequest{}
		for range min(n, 5000) {
			m.Jobs = append(m.Jobs, newJobReport(t, s.spec(nil), &fleetv1.Register{Incarnation: 1, Version: 1, Phase: fleetv1.Register_PHASE_ANNOUNCED}))
		}
		n -= len(m.Jobs)
		fatal(t, l.stream.Send(m))
	}
	s.settled(t, l)
	l.end()
	var agent struct{ Waiting, Running int }
	fatal(t, s.env.API.Get("/api/agents/thief", &agent))
	if agent.Waiting+agent.Running > 1000 {
		t.Errorf("%d jobs wait, %d run", agent.Waiting, agent.Running)
	}
}

// bombs sends what is long when it is unpacked, and what is none of our messages.
func (s *stolen) bombs(t *testing.T) {
	const hello, report = fleetv1connect.FleetServiceHelloProcedure, fleetv1connect.FleetServiceReportProcedure
	valid, err := proto.Marshal(helloOf("NOTUTF8!"))
	fatal(t, err)
	frame := func(flags byte, length uint32, body []byte) []byte {
		return append(append([]byte{flags}, binary.BigEndian.AppendUint32(nil, length)...), body...)
	}
	for name, c := range map[string]struct {
		path, kind, packed string
		body               []byte
	}{
		"a packed Hello":        {hello, "application/proto", "gzip", bomb(t, 256<<20)},
		"a packed report":       {report, "application/connect+proto", "gzip", nil},
		"four gigabytes":        {report, "application/connect+proto", "", frame(0, math.MaxUint32, valid)},
		"noise":                 {hello, "application/proto", "", bytes.Repeat([]byte{0xff, 0x7f, 0x0a}, 1000)},
		"noise in a stream":     {report, "application/connect+proto", "", frame(0, 3000, bytes.Repeat([]byte{0xff, 0x7f, 0x0a}, 1000))},
		"invalid UTF-8":         {hello, "application/proto", "", bytes.Replace(valid, []byte("NOTUTF8!"), []byte("\xff\xfe\xfd\x00\xc0\xaf\xed\xa0"), 1)},
		"JSON of a million [":   {hello, "application/json", "", bytes.Repeat([]byte("["), 1<<20)},
		"a Hello of 9 MiB":      {hello, "application/proto", "", make([]byte, 9<<20)},
		"no length":             {report, "application/connect+proto", "", []byte{0, 0}},
		"a call that is none":   {"/fleet.v1.FleetService/Shutdown", "application/proto", "", nil},
		"a stream as one call":  {report, "application/proto", "", valid},
		"gRPC with a bad frame": {hello, "application/grpc", "", frame(7, 10, valid)},
	} {
		if name == "a packed report" {
			b := bomb(t, 256<<20)
			c.body = frame(1, uint32(len(b)), b)
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.thief.URL+c.path, bytes.NewReader(c.body))
		fatal(t, err)
		req.Header.Set("Content-Type", c.kind)
		if c.kind != "application/proto" {
			req.Header.Set("Connect-Content-Encoding", c.packed)
		} else if c.packed != "" {
			req.Header.Set("Content-Encoding", c.packed)
		}
		req.Header.Set("Connect-Protocol-Version", "1")
		req.Header.Set("Connect-Accept-Encoding", "identity")
		resp, err := s.thief.HTTP.Do(req)
		if err != nil {
			t.Logf("%s: %v", name, err)
			continue
		}
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK && !bytes.Contains(body, []byte("error")) && resp.Header.Get("Grpc-Status") == "" && resp.Trailer.Get("Grpc-Status") == "" {
			t.Errorf("%s: %s %.100q", name, resp.Status, body)
		}
		if resp.StatusCode >= 500 && resp.StatusCode != http.StatusNotImplemented {
			t.Errorf("%s: %s %.100q", name, resp.Status, body)
		}
	}
}

// epochs tries to be in two at once, in another's, and in none.
func (s *stolen) epochs(t *testing.T) {
	other, err := s.env.Hosts["victim"].Thief() // to have an epoch that is another's
	fatal(t, err)
	defer other.Close()
	theirs, err := other.Hello(t.Context(), helloOf("victim"))
	fatal(t, err)
	s.before = s.victim(t)
	for _, epoch := range []string{"", "x", theirs.Epoch, strings.Repeat("e", 1<<20)} {
		newLine(t, s.thief, epoch).ended(t, connect.CodeAborted)
		wantCode(t, func() error { return watchError(t, s.thief, epoch) }, connect.CodeAborted)
	}
	first := s.hello(t)
	one := newLine(t, s.thief, first.Epoch)
	s.settled(t, one)
	newLine(t, s.thief, first.Epoch).ended(t, connect.CodeAborted) // the stream is there already
	again := s.hello(t)
	one.ended(t, connect.CodeAborted)
	if again.Epoch == first.Epoch {
		t.Error("two Hellos, one epoch")
	}
	// A second machine with the same certificate, while the first is there.
	two := newLine(t, s.thief, again.Epoch)
	s.settled(t, two)
	wantCode(t, func() error { _, err := s.thief.Hello(t.Context(), helloOf("copy")); return err }, connect.CodeFailedPrecondition)
	m := helloOf("thief")
	m.Protocol = math.MaxInt32
	wantCode(t, func() error { _, err := s.thief.Hello(t.Context(), m); return err }, connect.CodeFailedPrecondition)
	wantCode(t, func() error {
		_, err := s.thief.Renew(t.Context(), &fleetv1.RenewRequest{Csr: []byte("no request")})
		return err
	}, connect.CodeInvalidArgument)
	two.end()
}

func watchError(t *testing.T, thief *testenv.Thief, epoch string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	stream, err := thief.Watch(ctx, &fleetv1.WatchRequest{Epoch: epoch})
	if err != nil {
		return err
	}
	for stream.Receive() {
	}
	return stream.Err()
}

// halfOpen opens calls and says nothing. Its own next ones are refused, nobody
// else's.
func (s *stolen) halfOpen(t *testing.T) {
	var conns []*testenv.Thief
	var ends []func()
	refused := 0
	for range 10 {
		c, err := s.env.Hosts["thief"].Thief()
		fatal(t, err)
		conns = append(conns, c)
		for range 3 {
			body, say := io.Pipe()
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.URL+fleetv1connect.FleetServiceReportProcedure, body)
			fatal(t, err)
			req.Header.Set("Content-Type", "application/connect+proto")
			answered := make(chan *http.Response, 1)
			go func() {
				resp, err := c.HTTP.Do(req)
				if err == nil {
					answered <- resp
				}
				close(answered)
			}()
			ends = append(ends, func() {
				say.CloseWithError(io.ErrUnexpectedEOF)
				if resp := <-answered; resp != nil {
					resp.Body.Close()
				}
			})
			select {
			case resp := <-answered:
				if resp != nil {
					data, _ := io.ReadAll(resp.Body)
					if bytes.Contains(data, []byte("resource_exhausted")) {
						refused++
					}
					resp.Body.Close()
				}
			case <-time.After(200 * time.Millisecond): // it is open and silent, as it should be
			}
		}
	}
	if refused < 20 {
		t.Errorf("%d of 30 silent calls were refused", refused)
	}
	for _, end := range ends {
		end()
	}
	for _, c := range conns {
		c.Close()
	}
	fatal(t, s.env.Await("the agent may call again", func() (bool, error) {
		_, err := s.thief.Hello(t.Context(), helloOf("thief"))
		return err == nil, nil
	}))
}

// slow opens a Watch and reads nothing of it, while there is much to say.
func (s *stolen) slow(t *testing.T) {
	epoch := s.hello(t).Epoch
	l := newLine(t, s.thief, epoch)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := s.thief.Watch(ctx, &fleetv1.WatchRequest{Epoch: epoch})
	fatal(t, err)
	for i := range 100 {
		m := &fleetv1.ReportRequest{Draining: i%2 == 0}
		for range 20 {
			m.Jobs = append(m.Jobs, newJobReport(t, s.spec(func(p *fleetv1.JobSpec) { p.RequestedBy = strings.Repeat("x", 20_000) }), reported("")))
		}
		fatal(t, l.stream.Send(m))
	}
	s.settled(t, l)
	l.end()
}

// ugly has a log of what hurts a terminal, a browser or a table.
func (s *stolen) ugly(t *testing.T) {
	lines := []string{"\x1b[2J\x1b]0;title\a", "<script>alert(1)</script>", "=cmd|'/c calc'!A1", "\u202egpj.exe", "\r\nHTTP/1.1 200 OK", "data: x\n\nevent: y", "\x00\u009b31m"}
	r := newJobReport(t, s.spec(nil), reported("failed"))
	for i, l := range lines {
		r.Records = append(r.Records, &fleetv1.Record{Number: uint64(i + 1), Level: fleetv1.Record_LEVEL_INFO, Source: "borg\x1b[0m", Text: l})
	}
	r.Register.Verdict.JournalEnd = uint64(len(lines))
	r.Register.Verdict.ErrorMessage = strings.Join(lines, " ")
	s.settled(t, s.report(t, &fleetv1.ReportRequest{Jobs: []*fleetv1.JobReport{r}}))
	var found int64
	for _, id := range jobsOf(t, s.env, "/api/backup/jobs?limit=100&agent=thief&status=failed") {
		if j, err := s.env.API.Job(id); err == nil && strings.Contains(j.ErrorMessage, "alert(1)") {
			found = id
		}
	}
	if found == 0 {
		t.Fatal("it was not taken in")
	}
	got, err := s.env.API.Lines(found)
	fatal(t, err)
	if len(got) != len(lines) {
		t.Errorf("%d lines of %d", len(got), len(lines))
	}
	for _, args := range [][]string{{"jobs", "logs", itoa(found)}, {"jobs", "show", itoa(found)}, {"jobs", "list"}} {
		out, err := s.env.Controller.CLI(args...)
		if err != nil || strings.ContainsAny(out, "\x00\x07\x1b\r\u009b\u202e") {
			t.Errorf("%v: %v\n%q", args, err, out)
		}
	}
}
