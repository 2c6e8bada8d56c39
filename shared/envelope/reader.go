// Package envelope looks after the messages of a stream of Connect's, as they come
// in: five bytes of flags and length, and then the message.
package envelope

import (
	"encoding/binary"
	"errors"
	"io"
	"sync/atomic"
	"time"
)

// ContentType is that of streams whose messages have envelopes.
const ContentType = "application/connect+proto"

const (
	// Patience is how long a message that has begun may go without another byte, and
	// the most that one of a few bytes may take. Between messages a peer may be silent
	// for as long as it likes.
	Patience = time.Minute

	// leastRate is bytes a second, beyond that minute: the slowest line has more.
	// Without it a byte a minute keeps a message, and all that waits for it, for months.
	leastRate = 4 << 10
)

// ErrStalled ends a stream in which a message was begun and not finished in time.
var ErrStalled = errors.New("the other side has begun a message and not gone on with it in time")

// Reader is a stream that ends where its last message does, and that breaks when a
// message stops in the middle, or drips. The library above it reads on until the peer
// ends the stream, and a peer need not: its pings are answered, it would seem to
// be connected, and nothing would ever bring it back.
type Reader struct {
	body    io.ReadCloser
	most    uint32  // bytes of a message; who reads refuses a longer one
	prefix  [5]byte // of the message that is being read: flags, length
	have    int     // so much of prefix
	left    uint32  // so much of what follows it is still to come
	last    bool    // nothing comes behind this message
	patient time.Duration
	due     time.Time   // by then it must be over
	stall   *time.Timer // runs within a message, and closes body
	stalled atomic.Bool
}

// NewReader makes one of a body whose messages have so many bytes at most. patient is
// Patience, but for tests.
func NewReader(body io.ReadCloser, most uint32, patient time.Duration) *Reader {
	m := &Reader{body: body, most: most, patient: patient}
	m.stall = time.AfterFunc(patient, func() {
		m.stalled.Store(true)
		body.Close()
	})
	m.stall.Stop() // so far there is no message
	return m
}

func (m *Reader) Read(p []byte) (int, error) {
	if m.last && m.have == 0 {
		return 0, io.EOF
	}
	if m.have > 0 {
		m.stall.Reset(min(m.patient, time.Until(m.due)))
	}
	n, err := m.body.Read(m.part(p))
	m.stall.Stop()
	m.take(p[:n])
	if err != nil && m.stalled.Load() {
		err = ErrStalled
	}
	return n, err
}

// part is as much of p as the prefix, or else the message, has room for.
func (m *Reader) part(p []byte) []byte {
	room := uint64(len(m.prefix) - m.have)
	if room == 0 {
		room = uint64(m.left)
	}
	return p[:min(uint64(len(p)), room)]
}

// take notes where in a message the stream is after these bytes, which part has cut.
func (m *Reader) take(p []byte) {
	if m.have == 0 && len(p) > 0 {
		m.due = time.Now().Add(m.patient)
	}
	if m.have == len(m.prefix) {
		m.left -= uint32(len(p))
	} else if m.have += copy(m.prefix[m.have:], p); m.have == len(m.prefix) {
		const packed = 1 // the only flag of a message that others may follow
		m.last = m.prefix[0]&^packed != 0
		m.left = binary.BigEndian.Uint32(m.prefix[1:])
		m.due = m.due.Add(time.Duration(min(m.left, m.most)) * time.Second / leastRate)
	}
	if m.have == len(m.prefix) && m.left == 0 {
		m.have = 0
	}
}

// Close closes the body.
func (m *Reader) Close() error {
	m.stall.Stop()
	return m.body.Close()
}
