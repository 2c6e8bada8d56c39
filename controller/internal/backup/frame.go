package backup

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
)

// frames writes frames and sums them up.
type frames struct {
	out io.Writer
	sum hash.Hash
}

func newFrames(w io.Writer) (*frames, error) {
	sum := sha256.New()
	f := &frames{out: io.MultiWriter(w, sum), sum: sum}
	if _, err := io.WriteString(f.out, magic); err != nil {
		return nil, fmt.Errorf("write backup: %w", err)
	}
	return f, nil
}

func (f *frames) put(kind byte, payload []byte) error {
	if len(payload) > mostFrame {
		return fmt.Errorf("write backup: a part of %d bytes is too large", len(payload))
	}
	head := binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(payload)))
	for _, b := range [][]byte{head, payload} {
		if _, err := f.out.Write(b); err != nil {
			return fmt.Errorf("write backup: %w", err)
		}
	}
	return nil
}

func (f *frames) close() error { return f.put(frameSum, f.sum.Sum(nil)) }

// Errors of a file that is no good backup.
var (
	ErrNotABackup = errors.New("this is no backup of a borgfleet controller")
	ErrCutOff     = errors.New("the backup is cut off: its end is missing")
	ErrDamaged    = errors.New("the backup is damaged: it is not what was written")
)

// unframer reads frames and checks their sum.
type unframer struct {
	in  io.Reader
	sum hash.Hash
}

func newUnframer(r io.Reader) (*unframer, error) {
	u := &unframer{in: r, sum: sha256.New()}
	first := make([]byte, len(magic))
	n, err := io.ReadFull(r, first)
	switch {
	case n > 0 && n < len(first) && bytes.HasPrefix([]byte(magic), first[:n]):
		return nil, ErrCutOff
	case err != nil && !ended(err):
		return nil, fmt.Errorf("read backup: %w", err)
	case string(first) != magic:
		return nil, ErrNotABackup
	}
	u.sum.Write(first)
	return u, nil
}

func ended(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }

// next gives the next frame. At the frame with the sum it compares that, and
// makes sure that nothing follows: then it gives io.EOF.
func (u *unframer) next() (kind byte, payload []byte, err error) {
	var head [5]byte
	if err := u.fill(head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n > mostFrame {
		return 0, nil, ErrDamaged
	}
	payload = make([]byte, n)
	if err := u.fill(payload); err != nil {
		return 0, nil, err
	}
	if head[0] == frameSum {
		return 0, nil, u.end(payload)
	}
	u.sum.Write(head[:])
	u.sum.Write(payload)
	return head[0], payload, nil
}

func (u *unframer) fill(b []byte) error {
	_, err := io.ReadFull(u.in, b)
	if err != nil && ended(err) {
		return ErrCutOff
	}
	if err != nil {
		return fmt.Errorf("read backup: %w", err)
	}
	return nil
}

func (u *unframer) end(sum []byte) error {
	if !bytes.Equal(sum, u.sum.Sum(nil)) {
		return ErrDamaged
	}
	switch n, err := io.ReadFull(u.in, make([]byte, 1)); {
	case n > 0:
		return ErrDamaged
	case !ended(err):
		return fmt.Errorf("read backup: %w", err)
	}
	return io.EOF
}
