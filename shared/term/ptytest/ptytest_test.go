package ptytest

import "testing"

func TestScreen(t *testing.T) {
	for in, want := range map[string]string{
		"one\r\ntwo":                         "one\ntwo",
		"12 %\r\x1b[K100 %\r\n":              "100 %",
		"long line\rab\x1b[K":                "ab",
		"a\r\nb\r\nc\r\x1b[2Ax\x1b[1By":      "x\nby\nc",
		"a\r\nb\r\nc\x1b[H\x1b[2J\x1b[1mz":   "z",
		"0123456789abcd":                     "0123456789\nabcd",
		"0123456789\r\nx":                    "0123456789\nx", // a full row is one row
		"日本語日本語":                             "日本語日本\n語",
		"1\r\n2\r\n3\r\n4\r\n5":              "2\n3\n4\n5", // it scrolls
		"a\r\nb\r\nc\x1b[1A\r\x1b[J!":        "a\n!",
		"e\u0301t\x1b[31mr\x1b[0me\x1b[?25l": "e\u0301tre",
		"\x1b]0;title\a":                     "␛]0;title",
		"\x1b[5z":                            "\x1b[5z",
	} {
		s := newScreen(10, 4)
		for i := range len(in) { // also cut in the middle of a command
			s.write([]byte{in[i]})
		}
		if got := s.String(); got != want {
			t.Errorf("%q is shown as\n%s\nwant\n%s", in, got, want)
		}
	}
}

func TestTerminal(t *testing.T) {
	term := New(t, 20, 5)
	if _, err := term.Tty.WriteString("hello\nworld"); err != nil {
		t.Fatal(err)
	}
	term.WaitFor("world")
	term.Type("typed") // the terminal shows it by itself
	term.WaitFor("worldtyped")
	if got := term.Finish(); got != "hello\nworldtyped" {
		t.Error(got)
	}
}
