package notify

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestDocumentedPayload: the example of the documentation is what a webhook sends, to
// the last field.
func TestDocumentedPayload(t *testing.T) {
	text, err := os.ReadFile("../../../docs/notifications.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```json\n")
	example, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("there is no example")
	}
	at := func(second int) *Moment { return At(time.Date(2026, 3, 1, 2, 0, second, 0, time.UTC)) }
	sent, err := json.Marshal(Event{
		ID: "0190f3c4-6a4e-7cc2-b1a5-3a5d1f0c9e11", Sequence: 12, Event: Failure, At: *at(7),
		Title: "backup of web on web-1 failed", Message: "no space left on device",
		Agent:      &Agent{ID: "0190f3c4-0000-7cc2-b1a5-3a5d1f0c9e11", Name: "web-1", Labels: map[string]string{"role": "web"}},
		Repository: &Repository{ID: 7, Name: "web", Path: "ssh://backup@store.example.org/srv/borg/web"},
		Job: &Job{
			ID: 123, Kind: "backup", Status: "failed", ErrorCode: OrNull("repository_full"), ErrorMessage: OrNull("no space left on device"),
			StartedAt: at(1), CompletedAt: at(7), ScheduleID: OrNull[int64](3),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	if err := json.Compact(&want, []byte(example)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.String(), string(sent)); diff != "" {
		t.Error(diff)
	}
	for _, k := range append(Kinds(), LeftOut) {
		if !strings.Contains(string(text), "`"+string(k)+"`") {
			t.Errorf("%s is not documented", k)
		}
	}
}
