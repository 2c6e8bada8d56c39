package link

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
func unended(t *testing.T, begin string) (*messages, *io.PipeWriter) {
	t.Helper()
	r, w := io.Pipe()
	t.Cleanup(func() { w.Close() })
	go io.WriteString(w, begin)
	return newMessages(r, time.Minute), w
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
		m := newMessages(io.NopCloser(body), time.Minute)
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
				if took := time.Since(began); !errors.Is(err, errStalled) || took != time.Hour+time.Minute {
					t.Errorf("after %s: %v", took, err)
				}
			})
		})
	}
}

// TestMessagesThatGoOn: a slow message is none that has stopped.
func TestMessagesThatGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		want := message(0, "words") + message(2, "{}")
		m, w := unended(t, "")
		go func() {
			for i := range want {
				time.Sleep(59 * time.Second)
				io.WriteString(w, want[i:i+1])
			}
		}()
		if got, err := io.ReadAll(m); err != nil || string(got) != want {
			t.Errorf("got %q, %v", got, err)
		}
	})
}
