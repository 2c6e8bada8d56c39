package jobdir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"borgfleet/agent/internal/atomicfile"
)

// fileReplicated marks a job of which the controller has everything.
const fileReplicated = "replicated"

// SetReplicated notes that verdict and journal are on the controller's disk:
// from then on the directory is only this host's own history.
func (d *Dir) SetReplicated() error {
	if d.Replicated() {
		return nil
	}
	if err := atomicfile.Swap(d.file(fileReplicated), nil); err != nil {
		return fmt.Errorf("note that the job is replicated: %w", err)
	}
	return nil
}

// UnsetReplicated takes that back: the controller was restored from a backup
// and lacks something of it, so the directory is not the host's own to remove.
func (d *Dir) UnsetReplicated() error {
	err := os.Remove(d.file(fileReplicated))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("note that the job is not replicated: %w", err)
	}
	return nil
}

// Replicated says whether the controller has everything. Lost with the power,
// the note is written again when the controller says so again.
func (d *Dir) Replicated() bool {
	_, err := os.Stat(d.file(fileReplicated))
	return err == nil || !errors.Is(err, fs.ErrNotExist)
}

// fileFollowed marks a backup whose steps are over.
const fileFollowed = "followed"

// SetFollowed notes that nothing more is to follow the job: its steps may be
// removed from the disk before it is, and must not be made again then.
func (d *Dir) SetFollowed() error {
	if err := atomicfile.Write(d.file(fileFollowed), nil); err != nil {
		return fmt.Errorf("note that nothing more follows the job: %w", err)
	}
	return nil
}

// Followed says whether nothing more is to follow the job.
func (d *Dir) Followed() bool {
	_, err := os.Stat(d.file(fileFollowed))
	return err == nil || !errors.Is(err, fs.ErrNotExist)
}
