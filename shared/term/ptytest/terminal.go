package ptytest

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Terminal is a terminal that only a test looks at.
type Terminal struct {
	// Tty is the program's end. Finish closes it.
	Tty *os.File

	t      testing.TB
	master *os.File
	done   chan struct{} // closed when all that was written has been read

	mu      sync.Mutex // guards screen
	screen  *screen
	changed chan struct{} // something was written
}

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// New opens a terminal of columns times rows.
func New(t testing.TB, columns, rows int) *Terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatalf("open a terminal: %v", err)
	}
	tty, err := other(master, columns, rows)
	if err != nil {
		master.Close()
		t.Fatalf("open a terminal: %v", err)
	}
	term := &Terminal{
		Tty: tty, t: t, master: master, done: make(chan struct{}),
		screen: newScreen(columns, rows), changed: make(chan struct{}, 1),
	}
	go term.read()
	t.Cleanup(func() {
		tty.Close()
		master.Close()
		<-term.done
	})
	return term
}

// other opens the program's end.
func other(master *os.File, columns, rows int) (*os.File, error) {
	raw, err := master.SyscallConn()
	if err != nil {
		return nil, err
	}
	var n uint32
	var ioErr error
	err = raw.Control(func(fd uintptr) {
		if ioErr = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); ioErr != nil {
			return
		}
		if n, ioErr = unix.IoctlGetUint32(int(fd), unix.TIOCGPTN); ioErr != nil {
			return
		}
		ioErr = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Col: uint16(columns), Row: uint16(rows)})
	})
	if err == nil {
		err = ioErr
	}
	if err != nil {
		return nil, err
	}
	return os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
}

func (term *Terminal) read() {
	defer close(term.done)
	buf := make([]byte, 4096)
	for {
		n, err := term.master.Read(buf)
		term.mu.Lock()
		term.screen.write(buf[:n])
		term.mu.Unlock()
		select {
		case term.changed <- struct{}{}:
		default:
		}
		if err != nil {
			return // EIO once every program has closed its end
		}
	}
}

// Type is what a person does.
func (term *Terminal) Type(keys string) {
	term.t.Helper()
	if _, err := term.master.WriteString(keys); err != nil {
		term.t.Fatalf("type %q: %v", keys, err)
	}
}

// Screen is what can be seen now: rows without spaces at their ends, and
// without the empty ones at the bottom.
func (term *Terminal) Screen() string {
	term.mu.Lock()
	defer term.mu.Unlock()
	return term.screen.String()
}

// WaitFor waits until text can be seen, and gives the whole screen.
func (term *Terminal) WaitFor(text string) string {
	term.t.Helper()
	return term.Wait(text, func(screen string) bool { return strings.Contains(screen, text) })
}

// Wait waits until the screen is as ok wants it; what says what that is.
func (term *Terminal) Wait(what string, ok func(screen string) bool) string {
	term.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		screen := term.Screen()
		if ok(screen) {
			return screen
		}
		select {
		case <-term.changed:
		case <-deadline.C:
			term.t.Fatalf("waited in vain for %s; the screen is\n%s", what, screen)
		}
	}
}

// Finish closes the program's end and gives the last screen.
func (term *Terminal) Finish() string {
	term.Tty.Close()
	<-term.done
	return term.Screen()
}
