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
	return d.putNumber(fileAcked, next)
}

// Acked is what SetAcked noted; 0 if nothing that can be read.
func (d *Dir) Acked() (uint64, error) { return d.number(fileAcked) }

// SetID keeps the integer that the controller gave the job. It is not worth a
// wait for the disk before every start: lost with the power, it comes again
// with the next Hello.
func (d *Dir) SetID(id int64) error {
	return d.putNumber(fileID, uint64(id))
}

// ID is the controller's integer for the job; 0 if it is not known.
func (d *Dir) ID() (int64, error) {
	n, err := d.number(fileID)
	return int64(n), err
}

func (d *Dir) putNumber(name string, n uint64) error {
	if err := atomicfile.Swap(d.file(name), []byte(strconv.FormatUint(n, 10)+"\n")); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// number reads what putNumber wrote. It was not synced, so a power cut may have
// torn it: then it counts as missing, and the controller says it again.
func (d *Dir) number(name string) (uint64, error) {
	b, err := os.ReadFile(d.file(name))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", name, err)
	}
	text, whole := strings.CutSuffix(string(b), "\n")
	n, err := strconv.ParseUint(text, 10, 64)
	if !whole || err != nil {
		return 0, nil
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
