package jobdir

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Stream is one of borg's two outputs.
type Stream string

const (
	Stderr Stream = "stderr"
	Stdout Stream = "stdout"
)

func (d *Dir) fifo(s Stream) string  { return d.file(string(s) + ".fifo") }
func (d *Dir) spool(s Stream) string { return d.file(string(s) + ".spool") }

// pipeBytes is what borg may write while nobody drains.
const pipeBytes = 1 << 20

// OpenFIFO opens a stream's named pipe for borg itself: for reading and
// writing, so that borg is a reader of its own pipe and gets no EPIPE when the
// job process dies. The next job process finds the pipe by its name.
//
// It is opened without os.OpenFile, which would make it non-blocking for borg
// too: Python fails on a full pipe that does not block.
func (d *Dir) OpenFIFO(s Stream) (*os.File, error) {
	if err := d.makeFIFO(s); err != nil {
		return nil, err
	}
	fd, err := unix.Open(d.fifo(s), unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s pipe: %w", s, err)
	}
	// Refused above the user's quota of pipe memory; then 64 KiB have to do.
	_, _ = unix.FcntlInt(uintptr(fd), unix.F_SETPIPE_SZ, pipeBytes)
	return os.NewFile(uintptr(fd), d.fifo(s)), nil
}

func (d *Dir) makeFIFO(s Stream) error {
	err := unix.Mkfifo(d.fifo(s), 0o600)
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("make %s pipe: %w", s, err)
	}
	return nil
}

// Pipes are both named pipes held open without reading them.
type Pipes []*os.File

// HoldPipes keeps what borg wrote alive while no job process runs: a pipe that
// nobody has open loses its contents. The daemon holds them as long as the job
// has no verdict, so a job process that dies loses no line even when borg ends
// before its successor is there.
func (d *Dir) HoldPipes() (Pipes, error) {
	var p Pipes
	for _, s := range []Stream{Stderr, Stdout} {
		if err := d.makeFIFO(s); err != nil {
			p.Close()
			return nil, err
		}
		f, err := os.OpenFile(d.fifo(s), os.O_RDONLY|unix.O_NONBLOCK, 0)
		if err != nil {
			p.Close()
			return nil, fmt.Errorf("hold %s pipe: %w", s, err)
		}
		p = append(p, f)
	}
	return p, nil
}

// Close lets the pipes go.
func (p Pipes) Close() error {
	var errs []error
	for _, f := range p {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// RemovePipes deletes pipes and spools: the journal has all of it, or they are
// another boot's, of which nothing is known to be whole.
func (d *Dir) RemovePipes() {
	for _, s := range []Stream{Stderr, Stdout} {
		os.Remove(d.fifo(s))
		os.Remove(d.spool(s))
	}
}
