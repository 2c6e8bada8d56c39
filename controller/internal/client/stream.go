package client

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"net/http"
	"time"

	"borgfleet/controller/internal/api/rest"
)

const (
	// silence ends a connection on which nothing came: the controller says
	// something every 15 s.
	silence = 60 * time.Second
	// mostRow bounds a row of a stream. A log line has a megabyte at most, and
	// JSON can write six characters for one.
	mostRow = 16 << 20
	// leastPause and mostPause are between two tries to come back.
	leastPause = 100 * time.Millisecond
	mostPause  = 5 * time.Second
)

// ErrEnough is what a reader of a stream returns when it has heard enough: the
// stream ends then, without an error.
var ErrEnough = errors.New("enough was heard")

// event is one server-sent event; one without a name is a sign of life.
type event struct {
	name string
	data []byte
}

// stream is a request for events that is made again when its connection is cut,
// and goes on there after what was heard.
type stream struct {
	c        *Client
	in       call
	patience time.Duration     // without a connection before it is given up; 0: for ever
	opened   func() error      // a connection stands
	heard    func(event) error // what it returns ends the stream
	cut      func(error) error // a connection is gone, or could not be made again

	last string // id of the last event that was heard
}

// ended is an error of who hears a stream, not of its connection.
type ended struct{ error }

func (e ended) Unwrap() error { return e.error }

// run goes on until ctx ends, the controller says no, or who hears it has heard
// enough. A first connection that cannot be made is not tried again.
func (s *stream) run(ctx context.Context) error {
	stood, err := s.once(ctx)
	away, pause := time.Now(), leastPause
	for again := stood; again && s.worthwhile(ctx, err, away); {
		if err = s.cut(err); err != nil {
			break
		}
		wait(ctx, pause)
		began := time.Now()
		stood, err = s.once(ctx)
		switch {
		case !stood:
			pause = min(2*pause, mostPause)
		case time.Since(began) > mostPause:
			away, pause = time.Now(), leastPause
		default: // one that is made and cut at once, again and again, is no better
			away, pause = time.Now(), min(2*pause, mostPause)
		}
	}
	switch {
	case errors.Is(err, ErrEnough):
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return err
}

// worthwhile says whether a connection that ended with err is to be made again.
func (s *stream) worthwhile(ctx context.Context, err error, away time.Time) bool {
	_, wanted := errors.AsType[ended](err)
	return !wanted && ctx.Err() == nil && !isNo(err) && (s.patience == 0 || time.Since(away) <= s.patience)
}

// isNo tells a controller's no from one that is away, or has too many streams
// for now: it may not have noticed yet that ours was cut.
func isNo(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Status < 500 && e.Status != http.StatusTooManyRequests
}

// wait is for pause, or a little less: those who were cut together need not
// come back together.
func wait(ctx context.Context, pause time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(pause/2 + rand.N(pause/2)):
	}
}

// once makes a connection and reads it to its end. stood says whether there was
// one.
func (s *stream) once(ctx context.Context) (stood bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	quiet := time.AfterFunc(silence, cancel)
	defer quiet.Stop()
	in := s.in
	in.header = http.Header{"Accept": {rest.EventStreamType + ", " + rest.ProblemType}}
	if s.last != "" {
		in.header.Set("Last-Event-ID", s.last)
	}
	resp, err := s.c.send(ctx, in)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	if mediaType, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); mediaType != rest.EventStreamType {
		return false, fmt.Errorf("%s answered %q and not a stream of events: is it the controller?", s.c.base.Redacted(), mediaType)
	}
	if err := s.opened(); err != nil {
		return true, ended{err}
	}
	return true, s.read(resp.Body, func() { quiet.Reset(silence) })
}

// read reads events until body ends, which is an error: a stream has no end of
// its own.
func (s *stream) read(body io.Reader, alive func()) error {
	rows := bufio.NewScanner(body)
	rows.Buffer(nil, mostRow)
	var e event
	id := s.last
	for rows.Scan() {
		alive()
		if len(rows.Bytes()) == 0 { // the event is whole
			if err := s.heard(e); err != nil {
				return ended{err}
			}
			e, s.last = event{}, id
			continue
		}
		field, value, _ := bytes.Cut(rows.Bytes(), []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(field) {
		case "event":
			e.name = string(value)
		case "id":
			id = string(value)
		case "data": // the controller writes one row
			e.data = bytes.Clone(value)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read events: %w", err)
	}
	return fmt.Errorf("read events: %w", io.ErrUnexpectedEOF)
}
