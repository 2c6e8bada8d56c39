package confine

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"

	"golang.org/x/sys/unix"
)

// Level is how far a program can be confined.
type Level int

const (
	None   Level = iota
	Writes       // it writes, makes and removes nothing outside; attributes it may change
	All          // it changes nothing outside
)

// Bounds are what a program may change.
type Bounds struct {
	Into *os.File // an open directory, its working directory
	Path string   // of Into, without a symlink
	Also []string // directories that are there
	Keep []string // what is there below Also, and cannot be changed; only All sees to it
}

// Reach tries how far a program could be confined now. why is what stands in
// the way of more; it is nil with All.
func (b Bounds) Reach() (level Level, why error) {
	for _, level := range []Level{All, Writes} {
		err := onThread(func() error {
			into, err := b.apply(level, b.landlock)
			if into != nil {
				into.Close()
			}
			return err
		})
		if err == nil {
			return level, why
		}
		why = errors.Join(why, err)
	}
	return None, why
}

// Confined starts programs.
type Confined struct {
	Bounds
	Level Level
}

// Start starts cmd in the bounds' directory, confined or not at all.
func (c Confined) Start(cmd *exec.Cmd) error { return c.start(cmd, c.landlock) }

func (c Confined) start(cmd *exec.Cmd, landlock func() error) error {
	return onThread(func() error {
		into, err := c.apply(c.Level, landlock)
		if err != nil {
			return fmt.Errorf("confine it: %w", err)
		}
		if into != nil {
			defer into.Close()
		} else {
			into = c.Into
		}
		// The child begins where its thread is. There may be no /proc to name the
		// directory by.
		if err := unix.Unshare(unix.CLONE_FS); err != nil {
			return fmt.Errorf("leave this process's directory: %w", err)
		}
		if err := unix.Fchdir(int(into.Fd())); err != nil {
			return fmt.Errorf("enter %s: %w", c.Path, err)
		}
		cmd.Dir = ""
		return cmd.Start()
	})
}

// onThread runs f on a thread that nothing else ever uses: what it does to
// itself cannot be undone.
func onThread(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the runtime ends the thread
		done <- f()
	}()
	return <-done
}

// apply confines the calling thread. into is the directory as the thread has to
// enter it; nil: as it is. After an error the thread is of no use.
func (b Bounds) apply(level Level, landlock func() error) (into *os.File, err error) {
	switch level {
	case All:
		if into, err = b.readOnly(); err != nil {
			return nil, err
		}
		// Mounts first, for Landlock forbids to change them. It adds that
		// device files cannot be written, and what is mounted meanwhile, and it
		// keeps the program from going through other processes to where they are.
		if landlock() != nil {
			err = hideProcesses()
		}
	case Writes:
		err = landlock()
	}
	return into, err
}
