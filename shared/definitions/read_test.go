package definitions

import (
	"io"
	"strings"
	"testing"
)

// endless has no end, as a device.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	if e.read += len(p); e.read > 4*mostFile {
		return 0, io.ErrUnexpectedEOF // rather than all memory
	}
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// TestTooLong: no more is read than is taken, whatever it is that is read.
func TestTooLong(t *testing.T) {
	_, err := Read(&endless{}, "standard input")
	if err == nil || !strings.HasPrefix(err.Error(), "standard input: it has more than 16 MiB") {
		t.Fatal(err)
	}
	if _, err := Load("/dev/zero"); err == nil || !strings.HasPrefix(err.Error(), "/dev/zero: it has more than 16 MiB") {
		t.Error(err)
	}
}

// TestNothing: an empty file is no file that defines nothing.
func TestNothing(t *testing.T) {
	for text, passes := range map[string]bool{"": false, "\n": false, "# x\n": false, "null\n": false, "{}\n": true, "repositories: []\n": true} {
		if _, err := Parse([]byte(text)); (err == nil) != passes {
			t.Errorf("%q: %v", text, err)
		}
	}
	text, err := File{}.YAML()
	if err == nil {
		_, err = Parse(text)
	}
	if err != nil {
		t.Error("an export of nothing:", err)
	}
}
