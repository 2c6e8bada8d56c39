package client

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"borgfleet/controller/internal/api/rest"
)

// LogEvent is what comes of a log that is followed. One of its fields is set.
type LogEvent struct {
	Line *rest.LogLine
	Job  *rest.Job // how the job stands now
	End  *rest.Job // how it ended; nothing follows
	Cut  error     // the connection is gone; it is made again
}

// NoLines is an offset for those who want to know how a job stands and nothing
// of its log.
const NoLines = math.MaxInt64

// followPatience is how long a controller that does not answer is asked on: a
// restart must not end what only looks.
const followPatience = 2 * time.Minute

// Follow tells what comes of a job: its lines after the first offset ones, each
// once and in order, and how it stands. It ends when the job has ended and all
// of its log was told, or with an error of each, which is nil for ErrEnough.
func (c *Client) Follow(ctx context.Context, id int64, offset uint64, each func(LogEvent) error) error {
	s := &stream{
		c:        c,
		in:       call{method: http.MethodGet, path: jobPath("logs", id) + "/stream", query: url.Values{"offset": {strconv.FormatUint(offset, 10)}}},
		patience: followPatience,
		opened:   func() error { return nil },
		cut:      func(err error) error { return each(LogEvent{Cut: err}) },
	}
	s.heard = func(e event) error {
		switch e.name {
		case rest.EventLine:
			return decoded(e, func(l *rest.LogLine) error { return each(LogEvent{Line: l}) })
		case rest.EventStatus:
			return decoded(e, func(j *rest.Job) error { return each(LogEvent{Job: j}) })
		case rest.EventEnd:
			return decoded(e, func(j *rest.Job) error {
				if err := each(LogEvent{End: j}); err != nil {
					return err
				}
				return ErrEnough
			})
		}
		return nil
	}
	return s.run(ctx)
}

func decoded[T any](e event, use func(*T) error) error {
	var v T
	if err := json.Unmarshal(e.data, &v); err != nil {
		return fmt.Errorf("read event %q: %w", e.name, err)
	}
	return use(&v)
}
