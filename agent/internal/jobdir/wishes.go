package jobdir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"borgfleet/agent/internal/atomicfile"
)

// Desired is what the daemon wants of a job.
type Desired string

const (
	Run    Desired = "run"
	Cancel Desired = "cancel"
)

// SetDesired tells the job process what is wanted. It is seen at once, and
// durable when SetDesired returns nil.
func (d *Dir) SetDesired(want Desired) error {
	if err := atomicfile.Show(d.file(fileDesired), []byte(want+"\n")); err != nil {
		return fmt.Errorf("set desired: %w", err)
	}
	return nil
}

// Desired is what is wanted. Anything that is not a clear Cancel is Run: a torn
// file must not end a backup.
func (d *Dir) Desired() (Desired, error) {
	s, err := d.word(fileDesired)
	if err != nil {
		return Run, fmt.Errorf("read desired: %w", err)
	}
	if Desired(s) == Cancel {
		return Cancel, nil
	}
	return Run, nil
}

// SetAcked notes the first journal number that the controller does not hold,
// so that a reopened journal gives no number a second meaning.
func (d *Dir) SetAcked(next uint64) error {
	return d.putNumber(fileAcked, next, atomicfile.Swap)
}

// Acked is what SetAcked noted; 0 if nothing.
func (d *Dir) Acked() (uint64, error) { return d.number(fileAcked) }

// SetID keeps the integer that the controller gave the job. It is not worth a
// wait for the disk before every start: lost with the power, it comes again
// with the next Hello.
func (d *Dir) SetID(id int64) error {
	return d.putNumber(fileID, uint64(id), atomicfile.Swap)
}

// ID is the controller's integer for the job; 0 if it is not known.
func (d *Dir) ID() (int64, error) {
	n, err := d.number(fileID)
	return int64(n), err
}

func (d *Dir) putNumber(name string, n uint64, write func(string, []byte) error) error {
	if err := write(d.file(name), []byte(strconv.FormatUint(n, 10)+"\n")); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

func (d *Dir) number(name string) (uint64, error) {
	s, err := d.word(name)
	if err != nil || s == "" {
		return 0, err
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", d.file(name), ErrDamaged)
	}
	return n, nil
}

// word reads a one-word file; a missing one is empty.
func (d *Dir) word(name string) (string, error) {
	b, err := os.ReadFile(d.file(name))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return strings.TrimSpace(string(b)), err
}
