package envelope

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
)

func message(flags byte, body string) string {
	return string(binary.BigEndian.AppendUint32([]byte{flags}, uint32(len(body)))) + body
}

// unended is a stream that its peer does not end.
func unended(t *testing.T, begin string) (*Reader, *io.PipeWriter) {
	t.Helper()
	r, w := io.Pipe()
	t.Cleanup(func() { w.Close() })
	go io.WriteString(w, begin)
	return NewReader(r, 8<<20, Patience), w
}

// TestMessagesEndWithTheLast: what follows the message that ends a stream is not
// waited for, and not read.
func TestMessagesEndWithTheLast(t *testing.T) {
	for name, last := range map[string]string{
		"an end": message(2, "{}"), "an empty end": message(2, ""), "a packed end": message(3, "{}"), "flags of no kind": message(0xfc, "words"),
	} {
		t.Run(name, func(t *testing.T) {
			want := message(0, "one") + message(0, "") + message(1, "packed") + last
			for _, begin := range []string{want, want + "x", want + message(0, strings.Repeat("more", 1000))} {
				m, _ := unended(t, begin)
				got, err := io.ReadAll(m)
				if err != nil || string(got) != want {
					t.Errorf("got %q, %v", got, err)
				}
			}
		})
	}
}

// TestMessagesInAnyPieces: where the network cuts a stream changes nothing of it.
func TestMessagesInAnyPieces(t *testing.T) {
	want := message(0, strings.Repeat("one", 100)) + message(0, "") + message(2, "{}")
	for name, body := range map[string]io.Reader{
		"whole": strings.NewReader(want), "bytes": iotest.OneByteReader(strings.NewReader(want)),
		"halves": iotest.HalfReader(strings.NewReader(want)), "with its end": iotest.DataErrReader(strings.NewReader(want)),
	} {
		m := NewReader(io.NopCloser(body), 8<<20, Patience)
		var got bytes.Buffer
		if _, err := io.CopyBuffer(&got, struct{ io.Reader }{m}, make([]byte, 7)); err != nil || got.String() != want {
			t.Errorf("%s: got %q, %v", name, got.String(), err)
		}
	}
}

// TestMessagesThatStop: a message that does not go on ends the stream; silence
// between messages does not.
func TestMessagesThatStop(t *testing.T) {
	for name, begin := range map[string]string{
		"in the flags": "\x00", "in the length": "\x00\x00\x00", "before the words": message(0, "words")[:5], "in the words": message(0, "words")[:7],
		"in the end": message(2, "{}")[:6], "in four gigabytes": "\x00\xff\xff\xff\xffxx",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, w := unended(t, message(0, "one"))
				if _, err := io.ReadFull(m, make([]byte, 8)); err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				go func() {
					time.Sleep(time.Hour)
					io.WriteString(w, begin)
				}()
				_, err := io.ReadAll(m)
				if took := time.Since(began); !errors.Is(err, ErrStalled) || took != time.Hour+time.Minute {
					t.Errorf("after %s: %v", took, err)
				}
			})
		})
	}
}

// drip writes a message in pieces, one each pause.
func drip(w io.Writer, message string, piece int, pause time.Duration) {
	for rest := message; len(rest) > 0; rest = rest[min(piece, len(rest)):] {
		time.Sleep(pause)
		if _, err := io.WriteString(w, rest[:min(piece, len(rest))]); err != nil {
			return
		}
	}
}

// TestMessagesThatGoOn: a slow message is none that has stopped, as long as a line may
// be slow.
func TestMessagesThatGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		want := message(0, strings.Repeat("words", 100_000)) + message(2, "{}")
		m, w := unended(t, "")
		began := time.Now()
		go drip(w, want, 30*leastRate+9, 30*time.Second)
		if got, err := io.ReadAll(m); err != nil || string(got) != want || time.Since(began) < 2*time.Minute {
			t.Errorf("after %s: got %d bytes, %v", time.Since(began), len(got), err)
		}
	})
}

// TestMessagesThatDrip: a byte now and then does not keep a stream for ever, whatever
// length the message claims to have.
func TestMessagesThatDrip(t *testing.T) {
	for name, tt := range map[string]struct {
		drip  string
		whole int // bytes of it that come at once
		most  time.Duration
	}{
		"a prefix":         {message(0, "")[:4] + "x", 0, Patience},
		"a few words":      {message(0, strings.Repeat("words", 20)), 5, Patience + time.Second},
		"a long one":       {message(0, strings.Repeat("x", 1<<20)), 5, Patience + 1<<20/leastRate*time.Second},
		"a claim too long": {"\x00\xff\xff\xff\xff" + strings.Repeat("x", 1<<20), 5, Patience + 8<<20/leastRate*time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, w := unended(t, message(0, "one"))
				if _, err := io.ReadFull(m, make([]byte, 8)); err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				dripped := make(chan struct{})
				go func() {
					defer close(dripped)
					io.WriteString(w, tt.drip[:tt.whole])
					drip(w, tt.drip[tt.whole:], 1, 59*time.Second)
				}()
				_, err := io.ReadAll(m)
				if took := time.Since(began); !errors.Is(err, ErrStalled) || took > tt.most+59*time.Second || took < tt.most-59*time.Second {
					t.Errorf("after %s: %v; want an end within %s", took, err, tt.most)
				}
				<-dripped // its next byte finds nobody
			})
		})
	}
}
