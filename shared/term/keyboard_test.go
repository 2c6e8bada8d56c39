package term_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"borgfleet/shared/term"
	"borgfleet/shared/term/ptytest"
)

func echoes(t *testing.T, tty *os.File) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

func TestKeyboard(t *testing.T) {
	pty := ptytest.New(t, 40, 10)
	k, ok := term.KeyboardOf(pty.Tty, term.On(pty.Tty))
	if !ok {
		t.Fatal("nobody types at a terminal")
	}
	type answer struct {
		line string
		err  error
	}
	answers := make(chan answer)
	ask := func(secret bool, prompt string) {
		line, err := k.Line, error(nil)
		if secret {
			line = k.Secret
		}
		text, err := line(t.Context(), prompt)
		answers <- answer{text, err}
	}
	go ask(false, "Name: ")
	pty.WaitFor("Name:")
	pty.Type("ann\n")
	if got := <-answers; got != (answer{"ann", nil}) {
		t.Errorf("%+v", got)
	}
	go ask(true, "Password: ")
	pty.WaitFor("Password:")
	pty.Type("hidden typo\x7f\x7f\x7f\x7fone\nnext\n") // the second line is for the next question
	if got := <-answers; got != (answer{"hidden one", nil}) {
		t.Errorf("%+v", got)
	}
	if !echoes(t, pty.Tty) {
		t.Error("the terminal stays silent")
	}
	go ask(false, "Again: ")
	if got := <-answers; got != (answer{"next", nil}) {
		t.Errorf("%+v", got)
	}
	go ask(false, "End: ")
	pty.WaitFor("End:")
	pty.Type("\x04") // Ctrl-D
	if got := <-answers; got.err == nil || got.err.Error() != "nothing was typed" {
		t.Errorf("%+v", got)
	}
	if screen := pty.Finish(); strings.Contains(screen, "hidden") || !strings.Contains(screen, "Name: ann\nPassword:\nAgain:") {
		t.Errorf("the screen is\n%s", screen)
	}
}

// Ctrl-C ends the question and leaves a terminal that shows what is typed.
func TestKeyboardInterrupted(t *testing.T) {
	pty := ptytest.New(t, 40, 10)
	k, _ := term.KeyboardOf(pty.Tty, term.On(pty.Tty))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := k.Secret(ctx, "Password: ")
		ended <- err
	}()
	pty.WaitFor("Password:")
	if echoes(t, pty.Tty) {
		t.Error("the terminal shows what is typed")
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if !echoes(t, pty.Tty) {
		t.Error("the terminal stays silent")
	}
	pty.Type("\n") // lets the read end
}

func TestNobodyTypesIntoAPipe(t *testing.T) {
	if _, ok := term.KeyboardOf(strings.NewReader("x"), term.Screen{}); ok {
		t.Error("a reader passes for a terminal")
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if _, ok := term.KeyboardOf(r, term.Screen{}); ok {
		t.Error("a pipe passes for a terminal")
	}
}
