package api

import (
	"net/http"
	"time"

	"borgfleet/controller/internal/fault"
)

// Metrics hears what the API does, and writes down what there is to be measured.
type Metrics interface {
	// Answered is told of each answer. The operation is the contract's, or empty if
	// there is none at that path.
	Answered(operation string, status int, took time.Duration)
	// Streamed is told of an answer that was a stream, at its end.
	Streamed(operation string, status int)
	// StreamOpened is told of each stream that begins, and calls for its end.
	StreamOpened() (closed func())
	// Page writes the answer to a scrape. If it fails, it has written nothing.
	Page(w http.ResponseWriter, r *http.Request) error
}

// unmeasured is for an API that nobody measures.
type unmeasured struct{}

func (unmeasured) Answered(string, int, time.Duration) {}
func (unmeasured) Streamed(string, int)                {}
func (unmeasured) StreamOpened() func()                { return func() {} }

func (unmeasured) Page(http.ResponseWriter, *http.Request) error {
	return fault.New(fault.Unavailable, "not_measured", "this controller keeps no metrics")
}

// measure tells of an answer. How long a stream was open says nothing about how
// fast anything is.
func (s *server) measure(rec *recorder, took time.Duration) {
	status := rec.statusCode()
	if status == 0 {
		status = http.StatusOK // what net/http sends for a handler that says nothing
	}
	if rec.stream {
		s.Metrics.Streamed(rec.operation, status)
		return
	}
	s.Metrics.Answered(rec.operation, status, took)
}

func (s *server) metrics(w http.ResponseWriter, r *http.Request) error { return s.Metrics.Page(w, r) }
