package link

import (
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// stalledAfter is how long a message that has begun may go without another byte.
// Between messages a controller may be silent for as long as it likes.
const stalledAfter = time.Minute

var errStalled = errors.New("the controller has begun a message and not gone on with it")

// messageStreams looks after the bodies of streams: see messages.
type messageStreams struct{ next http.RoundTripper }

func (s messageStreams) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := s.next.RoundTrip(req)
	if err == nil && resp.Header.Get("Content-Type") == "application/connect+proto" {
		resp.Body = newMessages(resp.Body, stalledAfter)
	}
	return resp, err
}

// messages is a stream that ends where its last message does, and that breaks when
// a message stops in the middle. The library below it reads on until the peer ends
// the stream, and a peer need not: its pings are answered, the host would seem to
// be connected, and nothing would ever bring it back.
type messages struct {
	body    io.ReadCloser
	prefix  [5]byte // of the message that is being read: flags, length
	have    int     // so much of prefix
	left    uint32  // so much of what follows it is still to come
	last    bool    // nothing comes behind this message
	patient time.Duration
	stall   *time.Timer // runs within a message, and closes body
	stalled atomic.Bool
}

func newMessages(body io.ReadCloser, patient time.Duration) *messages {
	m := &messages{body: body, patient: patient}
	m.stall = time.AfterFunc(patient, func() {
		m.stalled.Store(true)
		body.Close()
	})
	m.stall.Stop() // so far there is no message
	return m
}

func (m *messages) Read(p []byte) (int, error) {
	if m.last && m.have == 0 {
		return 0, io.EOF
	}
	if m.have > 0 {
		m.stall.Reset(m.patient)
	}
	n, err := m.body.Read(m.part(p))
	m.stall.Stop()
	m.take(p[:n])
	if err != nil && m.stalled.Load() {
		err = errStalled
	}
	return n, err
}

// part is as much of p as the prefix, or else the message, has room for.
func (m *messages) part(p []byte) []byte {
	room := uint64(len(m.prefix) - m.have)
	if room == 0 {
		room = uint64(m.left)
	}
	return p[:min(uint64(len(p)), room)]
}

// take notes where in a message the stream is after these bytes, which part has cut.
func (m *messages) take(p []byte) {
	if m.have == len(m.prefix) {
		m.left -= uint32(len(p))
	} else if m.have += copy(m.prefix[m.have:], p); m.have == len(m.prefix) {
		const packed = 1 // the only flag of a message that others may follow
		m.last = m.prefix[0]&^packed != 0
		m.left = binary.BigEndian.Uint32(m.prefix[1:])
	}
	if m.have == len(m.prefix) && m.left == 0 {
		m.have = 0
	}
}

func (m *messages) Close() error {
	m.stall.Stop()
	return m.body.Close()
}
