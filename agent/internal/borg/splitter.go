package borg

import "bytes"

const (
	maxLine         = 1 << 20
	truncatedMarker = " [line truncated]"
)

// LineSplitter cuts a stream into lines, chunk by chunk. A line keeps its
// first MiB; the rest is counted and dropped, so that no output of borg can
// fill the memory.
type LineSplitter struct {
	buf     []byte
	ends    []lineEnd // complete lines in buf
	next    int       // of ends
	read    int       // where the next line begins in buf
	start   int       // where the last, incomplete line begins in buf
	dropped int64     // of the incomplete line
}

type lineEnd struct {
	end      int
	consumed int64
}

// Write adds a chunk. Lines that Next returned before are no longer valid.
func (s *LineSplitter) Write(chunk []byte) {
	if s.next == len(s.ends) && s.read > 0 {
		n := copy(s.buf, s.buf[s.read:])
		s.buf = s.buf[:n]
		s.start -= s.read
		s.read, s.next, s.ends = 0, 0, s.ends[:0]
	}
	for {
		i := bytes.IndexByte(chunk, '\n')
		if i < 0 {
			s.add(chunk)
			return
		}
		s.add(chunk[:i])
		s.end(1)
		chunk = chunk[i+1:]
	}
}

func (s *LineSplitter) add(b []byte) {
	room := maxLine - (len(s.buf) - s.start)
	if len(b) > room {
		s.dropped += int64(len(b) - room)
		b = b[:room]
	}
	s.buf = append(s.buf, b...)
}

func (s *LineSplitter) end(newline int64) {
	consumed := int64(len(s.buf)-s.start) + s.dropped + newline
	if s.dropped > 0 {
		s.buf = append(s.buf, truncatedMarker...)
	}
	s.ends = append(s.ends, lineEnd{len(s.buf), consumed})
	s.start, s.dropped = len(s.buf), 0
}

// Next returns the next complete line without its line end, and how many bytes
// of the stream it stands for, newline included. The line is valid until the
// next Write.
func (s *LineSplitter) Next() (line []byte, consumed int64, ok bool) {
	if s.next == len(s.ends) {
		return nil, 0, false
	}
	e := s.ends[s.next]
	line = s.buf[s.read:e.end]
	s.read, s.next = e.end, s.next+1
	return bytes.TrimSuffix(line, []byte{'\r'}), e.consumed, true
}

// Flush returns what is left at the end of the stream: a last line without a
// newline. Call it when Next has no more.
func (s *LineSplitter) Flush() (line []byte, consumed int64, ok bool) {
	if s.next == len(s.ends) {
		if len(s.buf) == s.start && s.dropped == 0 {
			return nil, 0, false
		}
		s.end(0)
	}
	return s.Next()
}
