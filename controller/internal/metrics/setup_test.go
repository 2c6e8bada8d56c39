package metrics_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"borgfleet/controller/internal/api"
	"borgfleet/controller/internal/fleet"
	"borgfleet/controller/internal/history"
	"borgfleet/controller/internal/metrics"
	"borgfleet/controller/internal/notify/deliver"
	"borgfleet/controller/internal/notify/ping"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/crowd"
	"borgfleet/shared/job"
)

var (
	_ store.Meter = (*metrics.Metrics)(nil)
	_ fleet.Meter = (*metrics.Metrics)(nil)
	_ api.Metrics = (*metrics.Metrics)(nil)
)

// sources are a controller in which everything that can be told is.
type sources struct {
	census   fleet.Census
	backups  []fleet.BackupState
	unread   error // of the backups
	noRoom   error
	diskGone error
}

func (s *sources) Census() fleet.Census { return s.census }

func (s *sources) BackupStates(context.Context) ([]fleet.BackupState, error) {
	return s.backups, s.unread
}

func (s *sources) Stats() store.Stats        { return store.Stats{Audited: 5, Waiting: 2} }
func (s *sources) Ready() error              { return s.noRoom }
func (s *sources) DiskBytes() (int64, error) { return 1 << 20, nil }
func (s *sources) Count() int                { return 12 }
func (s *sources) IndexBytes() int64         { return 4096 }

func (s *sources) Space() (free, reserve uint64, err error) { return 1 << 30, 1 << 28, s.diskGone }

func (s *sources) Counts() crowd.Counts { return crowd.Counts{All: 7, Strangers: 3, Refused: 9} }

func (s *sources) State() ping.State { return ping.State{LastSuccess: at(4), FailingSince: at(5)} }

func (s *sources) Channels() []deliver.Channel {
	return []deliver.Channel{
		{Channel: store.Channel{Name: "ops", Target: "https://t0ps3cret/…"}, Outbox: store.Outbox{First: 5, Next: 5, DeliveredAt: at(4)}, Tally: deliver.Tally{Delivered: 4, Tries: 3, Failures: 1}},
		{Channel: store.Channel{Name: "mail"}, Outbox: store.Outbox{First: 1, Next: 8, LeftOut: 2, FailingSince: at(5), Error: "t0ps3cret"}, Oldest: at(4)},
	}
}

func at(hour int) time.Time { return time.Date(2024, 1, 15, hour, 0, 0, 0, time.UTC) }

// full is a fleet of one host that is well and one that is not.
func full() *sources {
	good := history.Mark{ID: 3, CreatedAt: at(2), EndedAt: at(3), Status: job.Completed, Original: 2000}
	return &sources{
		census: fleet.Census{
			Agents: []fleet.AgentState{
				{Name: "web1", Online: true, LastContactAt: at(10), CertificateExpiresAt: at(23)},
				{Name: "web2"},
			},
			Revoked: 1, Running: 2, ListsWaiting: 4,
			Waiting: map[fleet.WaitReason]int{fleet.WaitHostBusy: 3, fleet.WaitOnHost: 0},
		},
		backups: []fleet.BackupState{
			{HostView: fleet.HostView{AgentName: "web1", Name: "home", Last: history.Last{Job: good, Good: good, Normal: good}, ExpectedAt: at(2)}, Took: 90 * time.Second, Dedup: 500},
			{HostView: fleet.HostView{AgentName: "web2", Name: "home", Last: history.Last{Job: history.Mark{ID: 4, CreatedAt: at(2), Status: job.Failed}}, Stale: true}, Vanished: 6},
			{HostView: fleet.HostView{AgentName: "web2", Name: "new"}},
			{HostView: fleet.HostView{AgentName: "web1", Name: "mail", Last: history.Last{Job: good, Good: good, Normal: history.Mark{ID: 2, Original: 9000}}}},
		},
	}
}

func setup(t testing.TB, s *sources) *metrics.Metrics {
	t.Helper()
	m, err := metrics.New("1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Read(metrics.Sources{Store: s, Fleet: s, Post: s, Ping: s, Doors: map[string]metrics.Door{"rest": s}}); err != nil {
		t.Fatal(err)
	}
	return m
}

// exercise has everything happen that is counted.
func exercise(m *metrics.Metrics) {
	m.Committed(3, 4*time.Millisecond)
	m.Records(10)
	m.Register()
	m.Reported(2 * time.Millisecond)
	m.List(fleet.ListTaken)
	m.Answered("listJobs", 200, time.Millisecond)
	m.Answered("", 404, time.Millisecond)
	m.Streamed("events", 200)
	m.StreamOpened()
	m.StreamOpened()()
}

// scrape asks as Prometheus does.
func scrape(t testing.TB, m *metrics.Metrics, header ...string) []byte {
	t.Helper()
	// Who waits for a turn that nobody gives back must not wait for ever.
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, "/metrics", nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	if err := m.Page(w, r); err != nil {
		t.Fatal(err)
	}
	return w.Body.Bytes()
}

func families(t testing.TB, page []byte) map[string]*dto.MetricFamily {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	out, err := parser.TextToMetricFamilies(bytes.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

var errBroken = errors.New("broken")

func lines(page []byte) map[string]bool {
	out := map[string]bool{}
	for line := range bytes.Lines(page) {
		out[string(bytes.TrimSpace(line))] = true
	}
	return out
}

// wants fails for each line that a page does not have.
func wants(t *testing.T, page []byte, want ...string) {
	t.Helper()
	have := lines(page)
	for _, line := range want {
		if !have[line] {
			t.Errorf("there is no line %s", line)
		}
	}
}
