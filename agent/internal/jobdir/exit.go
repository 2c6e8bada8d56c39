package jobdir

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"borgfleet/agent/internal/atomicfile"
)

// Exit is how borg ended, as the process that waited for it saw it.
type Exit struct {
	StartedAt time.Time `json:"started_at"` // of the start mark: of which borg
	Code      int       `json:"code"`
	Signal    int       `json:"signal"`
	At        time.Time `json:"at"`
}

// SetExit keeps borg's exit status for a successor: the kernel tells it once,
// to one process, which may be killed before it has written the verdict. It is
// not synced; after a power cut the archive is looked up instead.
func (d *Dir) SetExit(e Exit) error {
	b, err := json.Marshal(e)
	if err == nil {
		err = atomicfile.Swap(d.file(fileExit), appendFrame(nil, b))
	}
	if err != nil {
		return fmt.Errorf("keep exit status: %w", err)
	}
	return nil
}

// Exit is how the borg of that start mark ended, or nil if that is not known.
func (d *Dir) Exit(s Started) (*Exit, error) {
	b, err := os.ReadFile(d.file(fileExit))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read exit status: %w", err)
	}
	p, _, err := nextFrame(b)
	if err != nil {
		return nil, fmt.Errorf("read exit status: %w", err)
	}
	var e Exit
	if err := json.Unmarshal(p, &e); err != nil {
		return nil, fmt.Errorf("read exit status: %w", ErrDamaged)
	}
	if !e.StartedAt.Equal(s.StartedAt) {
		return nil, nil
	}
	return &e, nil
}
