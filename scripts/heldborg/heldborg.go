// Package heldborg holds a real borg in the middle of a restore, so that tests
// need not be quicker than borg.
package heldborg

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Held is a borg that writes some files of a restore and then waits.
type Held struct{ Dir string }

// New puts a program named borg into dir, which is empty. It is the borg of the
// path real, and waits with extract when it is about to write file number after.
// Every other command is as ever.
func New(dir, real string, after int) (Held, error) {
	h := Held{dir}
	program := fmt.Sprintf("#!/bin/sh\ncase \" $* \" in *\" extract \"*) export PYTHONPATH=%q;; esac\nexec %q \"$@\"\n", dir, real)
	if err := os.WriteFile(h.Program(), []byte(program), 0o755); err != nil {
		return h, err
	}
	// Python reads this before borg. A signal ends the wait as it would end a
	// write. It waits as a reader, for it may write nowhere but into its
	// destination.
	hold := fmt.Sprintf(`import builtins, os, time
real, wrote = builtins.open, 0
def held(file, mode="r", *rest, **named):
    global wrote
    if mode == "wb":
        wrote += 1
        if wrote == %d:
            gate = os.open(%q, os.O_RDONLY)
            while not os.read(gate, 9):
                time.sleep(0.01)
    return real(file, mode, *rest, **named)
builtins.open = held
`, after, h.gate())
	if err := unix.Mkfifo(h.gate(), 0o600); err != nil {
		return h, err
	}
	return h, os.WriteFile(filepath.Join(dir, "sitecustomize.py"), []byte(hold), 0o644)
}

// Program is what to run as borg.
func (h Held) Program() string { return filepath.Join(h.Dir, "borg") }

// gate is a named pipe.
func (h Held) gate() string { return filepath.Join(h.Dir, "gate") }

// Waits says whether borg has come to where it waits: the pipe has a reader.
func (h Held) Waits() bool {
	f, err := os.OpenFile(h.gate(), os.O_WRONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	return f.Close() == nil
}

// GoOn lets it go on, once it has come there.
func (h Held) GoOn() error {
	f, err := os.OpenFile(h.gate(), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString("go on")
	return errors.Join(err, f.Close())
}
