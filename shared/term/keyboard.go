package term

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// Keyboard is a terminal that a person types at.
type Keyboard struct {
	in  *os.File
	out Screen
}

// KeyboardOf looks whether a person types at in; out shows what is asked.
func KeyboardOf(in io.Reader, out Screen) (Keyboard, bool) {
	f, ok := in.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return Keyboard{}, false
	}
	return Keyboard{in: f, out: out}, true
}

// mostTyped is more than a terminal takes for one line.
const mostTyped = 8192

// Line asks for a line.
func (k Keyboard) Line(ctx context.Context, prompt string) (string, error) {
	if err := k.out.Printf("%s", prompt); err != nil {
		return "", err
	}
	return k.read(ctx)
}

// Secret asks for a line that is not shown. The terminal is as it was before
// when it returns, also if ctx has ended meanwhile.
func (k Keyboard) Secret(ctx context.Context, prompt string) (line string, err error) {
	fd := int(k.in.Fd())
	before, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return "", fmt.Errorf("ask for a secret: %w", err)
	}
	quiet := *before
	quiet.Lflag &^= unix.ECHO
	// Before the question is shown: who answers it must not be too fast.
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, &quiet); err != nil {
		return "", fmt.Errorf("ask for a secret: %w", err)
	}
	defer func() {
		err = errors.Join(err, unix.IoctlSetTermios(fd, unix.TCSETS, before), k.out.Printf("\n"))
	}()
	return k.Line(ctx, prompt)
}

// read gives what is typed up to the end of the line. A read cannot be ended,
// so that one of an ended ctx goes on until the program ends.
func (k Keyboard) read(ctx context.Context) (string, error) {
	type typed struct {
		line string
		err  error
	}
	done := make(chan typed, 1)
	go func() {
		line, err := readLine(k.in)
		done <- typed{line, err}
	}()
	select {
	case got := <-done:
		return got.line, got.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// readLine takes no more than the line: what follows is for the next question.
func readLine(in io.Reader) (string, error) {
	var line []byte
	for one := make([]byte, 1); len(line) < mostTyped; {
		n, err := in.Read(one)
		switch {
		case n > 0 && one[0] == '\n':
			return string(line), nil
		case n > 0:
			line = append(line, one[0])
		case errors.Is(err, io.EOF):
			return "", errors.New("nothing was typed")
		case err != nil:
			return "", fmt.Errorf("read from the terminal: %w", err)
		}
	}
	return "", errors.New("the line is too long")
}
