package hook

import (
	"bytes"
	"io"
)

// What is taken of a hook's output. The rest is read and counted: a hook must not
// stand still over it, nor fill a disk with it.
const (
	mostLines = 10_000
	mostBytes = 4 << 20
	mostLine  = 8 << 10
)

// output cuts what a hook prints into lines.
type output struct {
	line    func(string)
	part    []byte // of a line whose end has not come
	cut     bool   // of which there is more than is kept
	lines   int
	bytes   int
	last    string // that is not empty
	leftOut uint64
}

func newOutput(line func(string)) *output { return &output{line: line} }

func (o *output) readFrom(r io.Reader) {
	b := make([]byte, 32<<10)
	for {
		n, err := r.Read(b)
		o.take(b[:n])
		if err != nil {
			return
		}
	}
}

func (o *output) take(b []byte) {
	for {
		head, rest, ended := bytes.Cut(b, []byte("\n"))
		room := mostLine - len(o.part)
		if len(head) > room {
			head, o.cut = head[:room], true
		}
		o.part = append(o.part, head...)
		if !ended {
			return
		}
		o.end()
		b = rest
	}
}

// flush takes a last line without its end.
func (o *output) flush() {
	if len(o.part) > 0 {
		o.end()
	}
}

func (o *output) end() {
	text := string(bytes.TrimSuffix(o.part, []byte("\r")))
	if o.cut {
		text += " [line truncated]"
	}
	o.part, o.cut = o.part[:0], false
	if text != "" {
		o.last = text
	}
	if o.lines >= mostLines || o.bytes+len(text) > mostBytes {
		o.leftOut++
		return
	}
	o.lines++
	o.bytes += len(text)
	o.line(text)
}
