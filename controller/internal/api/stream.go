package api

import (
	"bytes"
	"context"
	"net/http"
	"time"

	"borgfleet/controller/internal/api/rest"
)

// flushBytes is how much of a stream is gathered before it is sent.
const flushBytes = 64 << 10

// stream sends server-sent events to one client, from its request's goroutine.
// A client that does not read holds this goroutine and one buffer, for
// Options.StreamWrite at most.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	patient time.Duration
	buf     bytes.Buffer
	failed  error // of a write: the client has gone; or the client may not hear more

	may     func() error  // asks anew for the client's right to hear this
	every   time.Duration // how often
	askedAt time.Time
}

// openStream answers r with a stream, which ends with ctx: when the client goes,
// or the controller stops. It also ends when the client's proof is good no more
// or has not the role any more. The caller calls done when it has said
// everything.
func (s *server) openStream(w http.ResponseWriter, r *http.Request, role Role) (st *stream, ctx context.Context, done func(), err error) {
	release, err := s.streams.take(caller(r).User)
	if err != nil {
		return nil, nil, nil, err
	}
	noteStream(w)
	closed := s.Metrics.StreamOpened()
	ctx, cancel := context.WithCancel(r.Context())
	unbind := context.AfterFunc(s.ending, cancel)
	st = &stream{
		w: w, control: http.NewResponseController(w), patient: s.StreamWrite,
		may: func() error { return s.still(r, role) }, every: s.Heartbeat, askedAt: time.Now(),
	}
	// The server's time for reading a request would end it, and in HTTP/2 the
	// one for writing an answer too. Transports without them have none to lift.
	_ = st.control.SetReadDeadline(time.Time{})
	_ = st.control.SetWriteDeadline(time.Time{})
	h := w.Header()
	h.Set("Content-Type", rest.EventStreamType)
	h.Set("X-Accel-Buffering", "no") // or nginx would keep it until it is whole
	w.WriteHeader(http.StatusOK)
	return st, ctx, func() { unbind(); cancel(); release(); closed() }, nil
}

// event adds an event; an empty id leaves the client's place where it was.
func (st *stream) event(name, id string, data any) error {
	body, err := encode(data) // one row: JSON writes a newline as \n
	if err != nil {
		return err
	}
	st.buf.WriteString("event: " + name + "\n")
	if id != "" {
		st.buf.WriteString("id: " + id + "\n")
	}
	st.buf.WriteString("data: ")
	st.buf.Write(body)
	st.buf.WriteString("\n")
	if st.buf.Len() >= flushBytes {
		return st.flush()
	}
	return nil
}

// heartbeat adds what keeps the connection from looking dead, and tells the
// client its place: what was left out of what it hears moves that, too.
func (st *stream) heartbeat(id string) {
	st.buf.WriteString(": heartbeat\n")
	if id != "" {
		st.buf.WriteString("id: " + id + "\n")
	}
	st.buf.WriteString("\n")
	st.askedAt = time.Time{}
}

// flush sends what was added, if the client may hear it. That is asked with each
// heartbeat, and as often while there is so much to say that none is needed.
func (st *stream) flush() error {
	if st.buf.Len() == 0 || st.failed != nil {
		return st.failed
	}
	if now := time.Now(); now.Sub(st.askedAt) >= st.every {
		if st.failed = st.may(); st.failed != nil {
			return st.failed
		}
		st.askedAt = now
	}
	_ = st.control.SetWriteDeadline(time.Now().Add(st.patient))
	_, err := st.w.Write(st.buf.Bytes())
	if err == nil {
		err = st.control.Flush()
	}
	// HTTP/2 would end a stream that has nothing to say when it has passed.
	_ = st.control.SetWriteDeadline(time.Time{})
	st.failed = err
	if st.buf.Reset(); st.buf.Cap() > 4*flushBytes {
		st.buf = bytes.Buffer{} // a very long line is over
	}
	return err
}
