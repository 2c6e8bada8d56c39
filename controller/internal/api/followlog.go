package api

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"time"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/fleet"
)

// statusEvery is the least time between two status events of a log.
const statusEvery = time.Second

// followLog streams a log from offset until the job has ended and all of it has
// been told.
func (s *server) followLog(w http.ResponseWriter, r *http.Request, id int64, offset uint64) error {
	changed, stop := s.Fleet.Follow(id)
	defer stop()
	v, err := s.Fleet.Job(r.Context(), id)
	if err != nil {
		return err
	}
	who := caller(r)
	if err := refuseLog(who, v.Job); err != nil {
		return err
	}
	st, ctx, done, err := s.openStream(w, r, logRole(v.Job))
	if err != nil {
		return err
	}
	defer done()
	if r.Method == http.MethodHead {
		return nil
	}
	// Who reads along while the job runs sees its log to the end. Who comes when
	// it has ended sees what log_policy shows.
	f := &logFollower{server: s, stream: st, role: who.Role, at: offset, shown: s.readable(v)}
	if err := f.run(ctx, v, changed); err != nil && ctx.Err() == nil && st.failed == nil {
		s.Logger.Error("log stream ended", "job", id, "err", err) // the client comes back
	}
	return nil
}

// offsetOf is where a stream begins: after the line that a client which comes
// back had last, or else where it asks for.
func offsetOf(h http.Header, offset int64) (uint64, error) {
	last := h.Get(lastEventID)
	if last == "" {
		return uint64(offset), nil
	}
	n, err := strconv.ParseUint(last, 10, 64)
	if err != nil {
		return 0, fault.InvalidField("header."+lastEventID, "it must be the number of a line, not %q", shorten(last))
	}
	return n, nil
}

// logFollower is how far a log has been told to one client.
type logFollower struct {
	*server
	stream *stream
	role   Role   // of the client
	at     uint64 // the last line that the client has
	shown  bool

	status   []byte    // as it was told last, without what changes by itself
	statusAt time.Time // when
}

func (f *logFollower) run(ctx context.Context, v fleet.JobView, changed <-chan struct{}) error {
	beat := time.NewTicker(f.Heartbeat)
	defer beat.Stop()
	for {
		late, err := f.tell(ctx, v)
		if err != nil {
			return err
		}
		if f.ended(v) {
			if err := f.stream.event(rest.EventEnd, "", f.jobBody(v, f.role)); err != nil {
				return err
			}
			return f.stream.flush()
		}
		if err := f.stream.flush(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		case <-late:
		case <-beat.C:
			f.stream.heartbeat("")
		}
		if v, err = f.Fleet.Job(ctx, v.ID); err != nil {
			return err
		}
	}
}

// tell adds what the client does not know yet. late receives when a status that
// came too soon after another may be told.
func (f *logFollower) tell(ctx context.Context, v fleet.JobView) (late <-chan time.Time, err error) {
	if late, err = f.tellStatus(v); err != nil || !f.shown {
		return late, err
	}
	for line, err := range f.Fleet.Lines(v.ID, f.at, v.LogLines) {
		if err != nil {
			return nil, err
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		number := strconv.FormatUint(line.Number, 10)
		if err := f.stream.event(rest.EventLine, number, rest.LogLine{LineNumber: line.Number, Content: line.Text}); err != nil {
			return nil, err
		}
		f.at = line.Number
	}
	return late, nil
}

func (f *logFollower) tellStatus(v fleet.JobView) (late <-chan time.Time, err error) {
	body := f.jobBody(v, f.role)
	lasting := body
	lasting.LastContactAt, lasting.DurationSeconds = nil, nil
	status, err := encode(lasting)
	if err != nil || bytes.Equal(status, f.status) {
		return nil, err
	}
	if wait := statusEvery - time.Since(f.statusAt); f.status != nil && wait > 0 {
		return time.After(wait), nil
	}
	f.status, f.statusAt = status, time.Now()
	return nil, f.stream.event(rest.EventStatus, "", body)
}

// ended: nothing more will come.
func (f *logFollower) ended(v fleet.JobView) bool {
	return v.Status.Final() && (!f.shown || v.LogComplete())
}
