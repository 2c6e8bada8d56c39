package term

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// Screen is where output goes, and what is known about it.
type Screen struct {
	W        io.Writer
	Terminal bool // a person looks at it; else it is a pipe or a file
	Blocks   bool // it has characters for parts of a block
	file     *os.File
}

// On looks at w.
func On(w io.Writer) Screen {
	s := Screen{W: w}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		s.Terminal, s.Blocks, s.file = true, showsBlocks(os.Getenv), f
	}
	return s
}

// To is s with another place for the output. What is written there must come
// to s in the end.
func (s Screen) To(w io.Writer) Screen {
	s.W = w
	return s
}

// Width is how many columns there are; 0: no limit. It is asked for anew each
// time, since windows change.
func (s Screen) Width() int {
	width, _ := s.size()
	return width
}

// Height is how many rows there are; 0: no limit.
func (s Screen) Height() int {
	_, height := s.size()
	return height
}

func (s Screen) size() (width, height int) {
	if s.file == nil {
		return 0, 0
	}
	width, height, err := term.GetSize(int(s.file.Fd()))
	if err != nil || width < 20 || height < 2 { // a serial line knows no size
		return 80, 24
	}
	return width, height
}

// Printf writes text as it is: whatever comes from elsewhere in args must have
// been through Clean.
func (s Screen) Printf(format string, args ...any) error {
	_, err := fmt.Fprintf(s.W, format, args...)
	return err
}

// JSON writes v indented, for -o json.
func (s Screen) JSON(v any) error { return s.json(v, "  ") }

// JSONLine writes v on a line of its own, for streams.
func (s Screen) JSONLine(v any) error { return s.json(v, "") }

func (s Screen) json(v any, indent string) error {
	data, err := encodeJSON(v, indent)
	if err != nil {
		return err
	}
	_, err = s.W.Write(data)
	return err
}
