package metrics_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/fleet"
)

func TestWhatHappened(t *testing.T) {
	m := setup(t, full())
	exercise(m)
	wants(t, scrape(t, m),
		`borgfleet_store_commit_updates_sum 3`,
		`borgfleet_store_commit_updates_bucket{le="2"} 0`,
		`borgfleet_store_commit_updates_bucket{le="4"} 1`,
		`borgfleet_store_commit_duration_seconds_sum 0.004`,
		`borgfleet_log_records_total 10`,
		`borgfleet_registers_total 1`,
		`borgfleet_acknowledgement_duration_seconds_sum 0.002`,
		`borgfleet_catalogue_lists_total{outcome="taken"} 1`,
		`borgfleet_catalogue_lists_total{outcome="unfit"} 0`,
		`borgfleet_api_request_duration_seconds_count{operation="listJobs"} 1`,
		`borgfleet_api_request_duration_seconds_count{operation="none"} 1`,
		`borgfleet_api_responses_total{class="2xx",operation="listJobs"} 1`,
		`borgfleet_api_responses_total{class="4xx",operation="none"} 1`,
		`borgfleet_api_responses_total{class="2xx",operation="events"} 1`,
		`borgfleet_api_event_streams 1`,
	)
	if strings.Contains(string(scrape(t, m)), `borgfleet_api_request_duration_seconds_count{operation="events"}`) {
		t.Error("how long a stream was open is among how long calls took")
	}
}

func TestWhatIs(t *testing.T) {
	wants(t, scrape(t, setup(t, full())),
		`borgfleet_store_waiting_updates 2`, `borgfleet_store_ready 1`, `borgfleet_audit_entries_total 5`,
		`borgfleet_index_rows 12`, `borgfleet_index_bytes 4096`,
		`borgfleet_store_disk_bytes 1.048576e+06`, `borgfleet_store_disk_free_bytes 1.073741824e+09`, `borgfleet_store_disk_reserve_bytes 2.68435456e+08`,
		`borgfleet_agents{state="online"} 1`, `borgfleet_agents{state="offline"} 1`, `borgfleet_agents{state="revoked"} 1`,
		`borgfleet_agent_online{agent="web1"} 1`, `borgfleet_agent_online{agent="web2"} 0`,
		`borgfleet_agent_last_contact_timestamp_seconds{agent="web1"} 1.7053128e+09`,
		`borgfleet_agent_certificate_expiry_timestamp_seconds{agent="web1"} 1.7053596e+09`,
		`borgfleet_jobs{status="pending"} 3`, `borgfleet_jobs{status="running"} 2`,
		`borgfleet_jobs_waiting{reason="host_busy"} 3`, `borgfleet_jobs_waiting{reason="on_host"} 0`,
		`borgfleet_catalogue_lists_waiting 4`,
		`borgfleet_listener_connections{listener="rest"} 7`, `borgfleet_listener_strangers{listener="rest"} 3`, `borgfleet_listener_refused_total{listener="rest"} 9`,
	)
}

func TestBackups(t *testing.T) {
	page := scrape(t, setup(t, full()))
	wants(t, page,
		`borgfleet_backup_stale{agent="web1",repository="home"} 0`,
		`borgfleet_backup_expected_timestamp_seconds{agent="web1",repository="home"} 1.705284e+09`,
		`borgfleet_backup_last_good_timestamp_seconds{agent="web1",repository="home"} 1.705284e+09`,
		`borgfleet_backup_last_good_duration_seconds{agent="web1",repository="home"} 90`,
		`borgfleet_backup_last_good_original_bytes{agent="web1",repository="home"} 2000`,
		`borgfleet_backup_last_good_deduplicated_bytes{agent="web1",repository="home"} 500`,
		`borgfleet_backup_shrunk{agent="web1",repository="home"} 0`,
		`borgfleet_backup_shrunk{agent="web1",repository="mail"} 1`,
		`borgfleet_backup_last_status{agent="web1",repository="home",status="completed"} 1`,
		`borgfleet_backup_stale{agent="web2",repository="home"} 1`,
		`borgfleet_backup_last_status{agent="web2",repository="home",status="failed"} 1`,
		`borgfleet_backup_last_timestamp_seconds{agent="web2",repository="home"} 1.705284e+09`,
		`borgfleet_archives_vanished{agent="web2",repository="home"} 6`,
		`borgfleet_backup_stale{agent="web2",repository="new"} 0`,
	)
	for line := range lines(page) {
		for _, family := range []string{"backup_last", "backup_expected", "last_contact", "certificate_expiry"} {
			if strings.Contains(line, family) && (strings.Contains(line, `repository="new"`) || strings.Contains(line, `agent="web2"} `)) {
				t.Errorf("nothing is known, and it says %s", line)
			}
		}
		if strings.Contains(line, "last_good") && strings.Contains(line, `agent="web2"`) {
			t.Errorf("there is no good backup, and it says %s", line)
		}
	}
}

// TestGone: what is registered no more has no series.
func TestGone(t *testing.T) {
	s := full()
	m := setup(t, s)
	scrape(t, m)
	s.backups, s.census.Agents = s.backups[:1], s.census.Agents[:1]
	if page := string(scrape(t, m)); strings.Contains(page, "web2") {
		t.Errorf("web2 is gone, and still there:\n%s", page)
	}
}

func TestTroubleOfTheStore(t *testing.T) {
	s := full()
	s.noRoom, s.diskGone = errBroken, errBroken
	page := scrape(t, setup(t, s))
	wants(t, page, `borgfleet_store_ready 0`)
	if strings.Contains(string(page), "borgfleet_store_disk_free_bytes ") {
		t.Error("it says what is free on a disk that cannot be asked")
	}
}

// TestHalfOfTheTruth: a page that lacks what could not be read looks like one of a
// fleet that has no such hosts.
func TestHalfOfTheTruth(t *testing.T) {
	s := full()
	s.unread = errBroken
	m := setup(t, s)
	w := httptest.NewRecorder()
	err := m.Page(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if fault.Of(err).Code != "metrics_unreadable" || w.Body.Len() > 0 {
		t.Errorf("error %v, and a page of %d bytes", err, w.Body.Len())
	}
	s.unread = nil
	scrape(t, m) // the next one has its turn
}

// TestStrangeNames: one host's name must not cost the others their metrics.
func TestStrangeNames(t *testing.T) {
	s := full()
	s.census.Agents = append(s.census.Agents, fleet.AgentState{Name: "a\xffb"}, fleet.AgentState{Name: "quote\"\nnew\\"})
	page := scrape(t, setup(t, s))
	wants(t, page, "borgfleet_agent_online{agent=\"a\uFFFDb\"} 0", `borgfleet_agent_online{agent="quote\"\nnew\\"} 0`, `borgfleet_agent_online{agent="web1"} 1`)
	families(t, page)
}

func TestPacked(t *testing.T) {
	m := setup(t, full())
	unpacked, err := gzip.NewReader(bytes.NewReader(scrape(t, m, "Accept-Encoding", "gzip")))
	if err != nil {
		t.Fatal(err)
	}
	page, err := io.ReadAll(unpacked)
	if err != nil {
		t.Fatal(err)
	}
	wants(t, page, `borgfleet_agent_online{agent="web1"} 1`)
}

// TestOneForm: whatever a client would rather have, it is what the contract says.
func TestOneForm(t *testing.T) {
	m := setup(t, full())
	for _, accept := range []string{"", "application/openmetrics-text", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited", "image/png"} {
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/metrics", nil)
		r.Header.Set("Accept", accept)
		if err := m.Page(w, r); err != nil {
			t.Fatal(err)
		}
		if got := w.Header().Get("Content-Type"); !strings.HasPrefix(got, "text/plain; version=0.0.4") {
			t.Errorf("to who wants %q it is %q", accept, got)
		}
	}
}

// TestChannels: how they stand, by name, and no word of where they lead to.
func TestChannels(t *testing.T) {
	page := scrape(t, setup(t, full()))
	wants(t, page,
		`borgfleet_notifications_waiting{channel="ops"} 0`,
		`borgfleet_notifications_waiting{channel="mail"} 7`,
		`borgfleet_notification_oldest_waiting_timestamp_seconds{channel="mail"} 1.7052912e+09`,
		`borgfleet_notification_failing_since_timestamp_seconds{channel="mail"} 1.7052948e+09`,
		`borgfleet_notification_last_success_timestamp_seconds{channel="ops"} 1.7052912e+09`,
		`borgfleet_notification_attempts_total{channel="ops",outcome="delivered"} 2`,
		`borgfleet_notification_attempts_total{channel="ops",outcome="failed"} 1`,
		`borgfleet_notifications_delivered_total{channel="ops"} 4`,
		`borgfleet_notifications_left_out_total{channel="mail"} 2`)
	for _, not := range []string{"t0ps3cret", `failing_since_timestamp_seconds{channel="ops"}`, `oldest_waiting_timestamp_seconds{channel="ops"}`} {
		if strings.Contains(string(page), not) {
			t.Errorf("%s is there", not)
		}
	}
}
