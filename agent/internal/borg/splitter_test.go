package borg

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

type splitLine struct {
	text     string
	consumed int64
}

func splitAll(chunks ...[]byte) (lines []splitLine) {
	var s LineSplitter
	take := func(line []byte, n int64, ok bool) bool {
		if ok {
			lines = append(lines, splitLine{string(line), n})
		}
		return ok
	}
	for _, c := range chunks {
		s.Write(c)
		for take(s.Next()) {
		}
	}
	take(s.Flush())
	return lines
}

func TestLineSplitterChunkingDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		stream := []byte(rapid.StringOf(rapid.SampledFrom([]rune("ab\n\r"))).Draw(rt, "stream"))
		var chunks [][]byte
		for rest := stream; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(rt, "n")
			chunks = append(chunks, bytes.Clone(rest[:n]))
			rest = rest[n:]
		}
		whole, parts := splitAll(stream), splitAll(chunks...)
		if len(whole) != len(parts) {
			rt.Fatalf("%q became %v and, in %q, %v", stream, whole, chunks, parts)
		}
		var total int64
		var text strings.Builder
		for i := range whole {
			if whole[i] != parts[i] {
				rt.Fatalf("line %d: %v and %v", i, whole[i], parts[i])
			}
			total += whole[i].consumed
			text.WriteString(whole[i].text)
		}
		if total != int64(len(stream)) {
			rt.Fatalf("%d of %d bytes accounted for", total, len(stream))
		}
		want := strings.ReplaceAll(strings.ReplaceAll(string(stream)+"\n", "\r\n", "\n"), "\n", "")
		if text.String() != want {
			rt.Fatalf("text %q, want %q", text.String(), want)
		}
	})
}

func TestLineSplitterNextMayLag(t *testing.T) {
	var s LineSplitter
	s.Write([]byte("one\ntwo\nth"))
	if line, _, _ := s.Next(); string(line) != "one" {
		t.Fatal(string(line))
	}
	s.Write([]byte("ree\n"))
	for _, want := range []string{"two", "three"} {
		if line, n, ok := s.Next(); !ok || string(line) != want || n != int64(len(want))+1 {
			t.Fatalf("%q, %d, %v", line, n, ok)
		}
	}
	if _, _, ok := s.Flush(); ok {
		t.Error("there was nothing left")
	}
}

func TestLineSplitterLongLine(t *testing.T) {
	long := bytes.Repeat([]byte("x"), 3*maxLine+17)
	stream := append(append([]byte("before\n"), long...), "\nafter"...)
	var chunks [][]byte
	for rest := stream; len(rest) > 0; {
		n := min(len(rest), 64<<10)
		chunks = append(chunks, rest[:n])
		rest = rest[n:]
	}
	lines := splitAll(chunks...)
	if len(lines) != 3 || lines[0].text != "before" || lines[2] != (splitLine{"after", 5}) {
		t.Fatalf("%d lines", len(lines))
	}
	if l := lines[1]; l.consumed != int64(len(long))+1 || len(l.text) != maxLine+len(truncatedMarker) || !strings.HasSuffix(l.text, truncatedMarker) {
		t.Errorf("long line: %d bytes, %d consumed", len(l.text), l.consumed)
	}
}
