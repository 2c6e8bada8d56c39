package jobdir

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Drain moves what borg writes from a pipe into its spool file. It uses
// splice: leaving the pipe and reaching the file are one system call, so a
// process that is killed at any moment has neither lost nor doubled a byte,
// and its successor goes on at the end of the file.
type Drain struct {
	pipe    *os.File
	spool   *os.File
	size    atomic.Int64
	done    atomic.Int64  // up to here it is not needed any more
	lost    atomic.Uint64 // lines that had no room
	changed chan struct{}

	copying bool // splice does not work here
	cut     bool // the spool may end inside a line whose rest was dropped
	mid     bool // what comes next is the rest of a line that was dropped
	buf     []byte
	punched int64
	ended   int64 // where the spool was when a hole's beginning was ended last
	ahead   ahead
	holes   holes
}

// spliceBytes is what one call moves at most.
const spliceBytes = 1 << 20

// breather is how long a busy drain lets the pipe fill before it empties it
// again: at ten thousand lines a second, a wake-up for each would cost more
// than the lines. A pipe that fills faster than that is not left alone, or borg
// would wait for it.
const breather = 10 * time.Millisecond

// fullPipe is as much in one go as says that the pipe fills faster.
const fullPipe = pipeBytes / 4

// OpenDrain opens a stream for draining. The spool is at least from bytes long
// afterwards: offsets go on where the journal left off, also when the spool
// itself was another boot's and is gone.
func (d *Dir) OpenDrain(s Stream, from int64) (*Drain, error) {
	if err := d.makeFIFO(s); err != nil {
		return nil, err
	}
	pipe, err := os.OpenFile(d.fifo(s), os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("drain %s: %w", s, err)
	}
	spool, size, err := openSpool(d.spool(s), from)
	if err != nil {
		pipe.Close()
		return nil, fmt.Errorf("drain %s: %w", s, err)
	}
	dr := &Drain{pipe: pipe, spool: spool, changed: make(chan struct{}, 1)}
	dr.holes.first.Store(noHole)
	dr.size.Store(size)
	dr.done.Store(from)
	return dr, nil
}

func openSpool(path string, from int64) (*os.File, int64, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, 0, err
	}
	fi, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	if fi.Size() >= from {
		return f, fi.Size(), nil
	}
	if err := f.Truncate(from); err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, from, nil
}

// EmptySpool forgets an earlier run's output: stdout is read as a whole.
func (d *Dir) EmptySpool(s Stream) error {
	err := os.Truncate(d.spool(s), 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// Changed has a value after the spool has grown.
func (dr *Drain) Changed() <-chan struct{} { return dr.changed }

// Size is the spool's length.
func (dr *Drain) Size() int64 { return dr.size.Load() }

// Lost is how many lines had no room in the spool so far.
func (dr *Drain) Lost() uint64 { return dr.lost.Load() }

// LostBefore is how many of these would stand before an offset, of those that
// it has not told yet.
func (dr *Drain) LostBefore(off int64) uint64 { return dr.holes.take(off) }

// Close closes both ends. Run must have returned.
func (dr *Drain) Close() error { return errors.Join(dr.pipe.Close(), dr.spool.Close()) }

// Run drains until no process has the pipe open for writing, or until gone is
// closed and the pipe is empty: what borg leaves behind, such as an ssh
// connection master, may hold the pipe for hours.
func (dr *Drain) Run(gone <-chan struct{}) error {
	stopped := make(chan struct{})
	defer close(stopped)
	go func() {
		select {
		case <-gone:
			dr.pipe.SetReadDeadline(time.Unix(1, 0)) // ends a wait
		case <-stopped:
		}
	}()
	err := dr.follow(gone)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = dr.rest()
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (dr *Drain) follow(gone <-chan struct{}) error {
	raw, err := dr.pipe.SyscallConn()
	if err != nil {
		return err
	}
	var last time.Time
	for {
		var moved error
		before := dr.size.Load()
		err := raw.Read(func(fd uintptr) bool {
			moved = dr.move(int(fd))
			return moved != syscall.EAGAIN
		})
		if err != nil {
			return err
		}
		if moved != nil {
			return moved
		}
		dr.wake()
		if dr.size.Load()-before >= fullPipe {
			continue
		}
		if now := time.Now(); now.Sub(last) < breather {
			select {
			case <-gone:
			case <-time.After(breather):
			}
		}
		last = time.Now()
	}
}

// rest empties the pipe without waiting.
func (dr *Drain) rest() error {
	raw, err := dr.pipe.SyscallConn()
	if err != nil {
		return err
	}
	var moved error
	err = raw.Control(func(fd uintptr) {
		for moved == nil {
			moved = dr.move(int(fd))
		}
	})
	dr.wake()
	if moved == syscall.EAGAIN {
		return err
	}
	return errors.Join(err, moved)
}

func (dr *Drain) wake() {
	select {
	case dr.changed <- struct{}{}:
	default:
	}
}

// move moves what there is once: EAGAIN when there is nothing, io.EOF when
// nobody writes any more.
func (dr *Drain) move(fd int) error {
	full := dr.ahead.full(dr)
	// Ended also while there is no room: a line as long as all the room would
	// never be read, and never make any.
	if dr.cut && !dr.endLine() || full {
		return dr.drop(fd)
	}
	if dr.mid {
		return dr.skipLine(fd)
	}
	if dr.copying {
		return dr.copy(fd)
	}
	off := dr.size.Load()
	n, err := unix.Splice(fd, nil, int(dr.spool.Fd()), &off, spliceBytes, unix.SPLICE_F_NONBLOCK|unix.SPLICE_F_MOVE)
	switch {
	case err == nil && n == 0:
		return io.EOF
	case err == nil:
		dr.size.Add(n)
		return nil
	case errors.Is(err, unix.EAGAIN):
		return syscall.EAGAIN
	case errors.Is(err, unix.EINTR):
		return nil
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EOPNOTSUPP):
		dr.copying = true
		return dr.copy(fd)
	default: // no space, a quota, a broken disk: borg must go on
		return dr.drop(fd)
	}
}

// copy is for file systems without splice. Killed between its two calls it
// loses what it holds.
func (dr *Drain) copy(fd int) error {
	b, err := dr.take(fd)
	if err != nil || len(b) == 0 {
		return err
	}
	dr.store(b)
	return nil
}

// store writes what was taken.
func (dr *Drain) store(b []byte) {
	n, err := dr.spool.WriteAt(b, dr.size.Load())
	dr.size.Add(int64(n))
	if err != nil {
		dr.count(b[n:])
	}
}

// drop takes what there is and keeps the number of its lines.
func (dr *Drain) drop(fd int) error {
	b, err := dr.take(fd)
	dr.count(b)
	return err
}

func (dr *Drain) count(b []byte) {
	if len(b) == 0 {
		return
	}
	dr.lose(uint64(bytes.Count(b, []byte{'\n'})))
	dr.cut = dr.size.Load() != dr.ended
	dr.mid = b[len(b)-1] != '\n'
}

func (dr *Drain) lose(lines uint64) {
	dr.lost.Add(lines)
	dr.holes.add(dr.size.Load(), lines)
}

// skipLine goes on behind a hole, at the beginning of a line: half a line would
// be taken for something that borg said. Killed between its two calls it loses
// what it holds.
func (dr *Drain) skipLine(fd int) error {
	b, err := dr.take(fd)
	i := bytes.IndexByte(b, '\n')
	if err != nil || i < 0 {
		return err
	}
	dr.lose(1)
	dr.mid = false
	dr.store(b[i+1:])
	return nil
}

// endLine ends the half line before a hole, so that what comes after it is not
// read as one line with it.
func (dr *Drain) endLine() bool {
	at := dr.size.Load()
	if _, err := dr.spool.WriteAt([]byte{'\n'}, at); err != nil {
		return false
	}
	dr.ended = at + 1
	dr.size.Store(dr.ended)
	dr.cut = false
	return true
}

func (dr *Drain) take(fd int) ([]byte, error) {
	if dr.buf == nil {
		dr.buf = make([]byte, 64<<10)
	}
	n, err := unix.Read(fd, dr.buf)
	switch {
	case errors.Is(err, unix.EAGAIN):
		return nil, syscall.EAGAIN
	case errors.Is(err, unix.EINTR):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read borg's pipe: %w", err)
	case n == 0:
		return nil, io.EOF
	}
	return dr.buf[:n], nil
}
