package jobdir

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// punchEvery is how much of the spool must be done with before its blocks are
// given back.
const punchEvery = 4 << 20

// ReadAt reads the spool, up to what has arrived.
func (dr *Drain) ReadAt(b []byte, off int64) (int, error) {
	left := dr.size.Load() - off
	if left <= 0 {
		return 0, io.EOF
	}
	if int64(len(b)) > left {
		b = b[:left]
	}
	n, err := dr.spool.ReadAt(b, off)
	if err != nil && !errors.Is(err, io.EOF) {
		return n, fmt.Errorf("read spool: %w", err)
	}
	return n, nil
}

// Done says that the spool is not needed any more up to off, which is the
// beginning of a line. Its blocks are given back from time to time. What is
// punched out reads as zeros, which borg never writes: a successor that starts
// earlier skips them and finds the same beginning of a line.
func (dr *Drain) Done(off int64) {
	dr.done.Store(off)
	if off-dr.punched < punchEvery {
		return
	}
	// Where holes cannot be made the spool is as long as what borg wrote.
	_ = unix.Fallocate(int(dr.spool.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, off)
	dr.punched = off
}

// SkipHole returns where data begins at or after off.
func (dr *Drain) SkipHole(off int64) int64 {
	at, err := unix.Seek(int(dr.spool.Fd()), off, unix.SEEK_DATA)
	switch {
	case errors.Is(err, unix.ENXIO): // nothing but hole
		return dr.Size()
	case err != nil || at < off:
		return off
	}
	return at
}

// OpenSpool opens a spool for reading; fs.ErrNotExist if there is none.
func (d *Dir) OpenSpool(s Stream) (*os.File, error) {
	f, err := os.Open(d.spool(s))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", s, err)
	}
	return f, nil
}

// ReadSpool reads a whole spool, up to limit bytes; more is an error. A missing
// one is empty.
func (d *Dir) ReadSpool(s Stream, limit int64) ([]byte, error) {
	f, err := os.Open(d.spool(s))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", s, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", s, err)
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("read %s: more than %d bytes", s, limit)
	}
	return b, nil
}
