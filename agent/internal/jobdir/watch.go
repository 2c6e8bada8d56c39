package jobdir

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// Watcher wakes whoever waits for a change in a job's directory: wishes, the
// register, newly synced journal records, the verdict. It says that something
// changed, not what: the reader looks at what it needs.
type Watcher struct {
	f *os.File
	c chan struct{}

	mu  sync.Mutex // guards err
	err error
}

// Watch sets the watch. Whoever looks once after Watch returned misses nothing.
func (d *Dir) Watch() (*Watcher, error) {
	w, err := newWatcher()
	if err != nil {
		return nil, err
	}
	const names = unix.IN_MOVED_TO | unix.IN_CREATE | unix.IN_DELETE
	if err := w.add(d.path, names); err != nil {
		w.Close()
		return nil, err
	}
	if err := w.add(d.file(dirJournal), names|unix.IN_MODIFY); err != nil {
		w.Close()
		return nil, err
	}
	go w.run()
	return w, nil
}

// WatchWishes is Watch for the job process: journal writes, its own, do not
// wake it.
func (d *Dir) WatchWishes() (*Watcher, error) {
	w, err := newWatcher()
	if err != nil {
		return nil, err
	}
	if err := w.add(d.path, unix.IN_MOVED_TO); err != nil {
		w.Close()
		return nil, err
	}
	go w.run()
	return w, nil
}

func newWatcher() (*Watcher, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("watch job: %w", err)
	}
	return &Watcher{f: os.NewFile(uintptr(fd), "inotify"), c: make(chan struct{}, 1)}, nil
}

func (w *Watcher) add(path string, mask uint32) error {
	raw, err := w.f.SyscallConn()
	if err != nil {
		return err
	}
	var addErr error
	if err := raw.Control(func(fd uintptr) {
		_, addErr = unix.InotifyAddWatch(int(fd), path, mask)
	}); err != nil {
		return err
	}
	if addErr != nil {
		return fmt.Errorf("watch %s: %w", path, addErr)
	}
	return nil
}

// C has a value after each change; it is closed with the watcher.
func (w *Watcher) C() <-chan struct{} { return w.c }

// Close ends the watch.
func (w *Watcher) Close() error { return w.f.Close() }

// Err says why C was closed; nil after Close.
func (w *Watcher) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

func (w *Watcher) run() {
	defer close(w.c)
	buf := make([]byte, 16<<10)
	for {
		// What the events say does not matter, also not that some were lost.
		if _, err := w.f.Read(buf); err != nil {
			if !errors.Is(err, os.ErrClosed) {
				w.mu.Lock()
				w.err = err
				w.mu.Unlock()
			}
			return
		}
		select {
		case w.c <- struct{}{}:
		default:
		}
	}
}
