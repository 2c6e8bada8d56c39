package notify

import (
	"encoding/json"
	"fmt"
	"time"
)

// Kind is what has happened.
type Kind string

// What rules can name.
const (
	Failure   Kind = "failure"
	Warning   Kind = "warning"
	Success   Kind = "success"
	Recovered Kind = "recovered" // something that was told is over
	Stale     Kind = "stale"
	Shrunk    Kind = "shrunk"
	Offline   Kind = "agent_offline"
	Expiring  Kind = "certificate_expiring"
	Vanished  Kind = "archives_vanished"
)

// What channels tell beside that.
const (
	LeftOut Kind = "left_out" // so many had no room after the one before
	Test    Kind = "test"
)

// Kinds are those that rules can name.
func Kinds() []Kind {
	return []Kind{Failure, Warning, Success, Recovered, Stale, Shrunk, Offline, Expiring, Vanished}
}

// Parse reads a kind that a rule may name.
func Parse(s string) (Kind, error) {
	for _, k := range Kinds() {
		if string(k) == s {
			return k, nil
		}
	}
	return "", fmt.Errorf("%q is no event", s)
}

// Event is what people are told, as a webhook sends it. Nothing is left out: what
// does not apply is null.
type Event struct {
	ID            string      `json:"id"`       // the same each time that it is delivered
	Sequence      int64       `json:"sequence"` // of the channel, without holes
	Event         Kind        `json:"event"`
	At            Moment      `json:"at"`
	Title         string      `json:"title"`
	Message       string      `json:"message"`
	Agent         *Agent      `json:"agent"`
	Repository    *Repository `json:"repository"`
	Job           *Job        `json:"job"`
	Since         *Moment     `json:"since"`          // of what lasts, or is over
	RecoveredFrom *Kind       `json:"recovered_from"` // of Recovered
	LeftOut       int64       `json:"left_out"`       // of LeftOut
}

// Agent is the one that an event is about.
type Agent struct {
	ID     string            `json:"id"`
	Name   string            `json:"name"`
	Labels map[string]string `json:"labels"`
}

// Repository is the one that an event is about.
type Repository struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
	Path string `json:"path"`
}

// Job is the one that an event is about.
type Job struct {
	ID           int64   `json:"id"`
	Kind         string  `json:"kind"`
	Status       string  `json:"status"`
	ErrorCode    *string `json:"error_code"`
	ErrorMessage *string `json:"error_message"`
	ArchiveName  *string `json:"archive_name"`
	OriginalSize int64   `json:"original_size"`
	NFiles       int64   `json:"nfiles"`
	StartedAt    *Moment `json:"started_at"`
	CompletedAt  *Moment `json:"completed_at"`
	ScheduleID   *int64  `json:"schedule_id"`
}

// Moment is a time as REST writes it: UTC, whole seconds.
type Moment struct{ time.Time }

// At makes a Moment; nil is the zero time.
func At(t time.Time) *Moment {
	if t.IsZero() {
		return nil
	}
	return &Moment{t.UTC().Truncate(time.Second)}
}

// MarshalJSON leaves fractions out, and writes the years that only a broken clock
// gives.
func (m Moment) MarshalJSON() ([]byte, error) {
	return json.Marshal(m.UTC().Truncate(time.Second).Format("2006-01-02T15:04:05Z"))
}

// OrNull is nil for nothing.
func OrNull[T comparable](v T) *T {
	if v == *new(T) {
		return nil
	}
	return &v
}

// UnmarshalJSON takes any RFC 3339 time.
func (m *Moment) UnmarshalJSON(b []byte) error { return m.Time.UnmarshalJSON(b) }
