package testenv

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Event is one server-sent event.
type Event struct {
	Name string
	ID   string // as the event gave it; empty: it gave none
	Data []byte
}

// Into decodes the event's data.
func (e Event) Into(out any) error { return json.Unmarshal(e.Data, out) }

// Stream is an open answer of server-sent events.
type Stream struct {
	Last string // the last id that was heard: where to come back to

	body io.ReadCloser
	rows *bufio.Reader
}

// Stream opens a stream, after the event last if that is not empty.
func (a *API) Stream(ctx context.Context, path, last string) (*Stream, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.URL+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("Authorization", "Bearer "+a.Token)
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	// Not a.HTTP: its time limit would end the stream.
	resp, err := (&http.Client{Transport: a.HTTP.Transport}).Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		p := &Problem{Status: resp.StatusCode, Type: resp.Header.Get("Content-Type")}
		p.Body, _ = io.ReadAll(resp.Body)
		_ = json.Unmarshal(p.Body, p)
		return nil, p
	}
	return &Stream{Last: last, body: resp.Body, rows: bufio.NewReader(resp.Body)}, nil
}

// Next waits for an event. One without a name is a sign of life, which may move
// Last. An event that is cut in its middle is none.
func (s *Stream) Next() (Event, error) {
	var e Event
	for {
		row, err := s.rows.ReadString('\n')
		if err != nil {
			return Event{}, err
		}
		row = strings.TrimSuffix(row, "\n")
		field, value, _ := strings.Cut(row, ": ")
		switch {
		case row == "":
			if e.ID != "" {
				s.Last = e.ID
			}
			return e, nil
		case field == "event":
			e.Name = value
		case field == "id":
			e.ID = value
		case field == "data":
			e.Data = []byte(value)
		case !strings.HasPrefix(row, ":"):
			return Event{}, fmt.Errorf("a row is none of an event: %q", row)
		}
	}
}

// Close ends it.
func (s *Stream) Close() error { return s.body.Close() }
