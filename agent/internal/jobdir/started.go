package jobdir

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"borgfleet/agent/internal/atomicfile"
)

// Started is the mark that borg is about to be, or was, executed. While it
// exists borg is never executed again for this key.
type Started struct {
	Incarnation uint64 `json:"incarnation"`
	Attempt     int    `json:"attempt"`     // raised each time the job is given back
	BootID      string `json:"boot_id"`     // the spool counts for this boot only
	SpoolStart  int64  `json:"spool_start"` // where this run's stderr begins in the spool
	ArchiveName string `json:"archive_name,omitempty"`
	BorgVersion string `json:"borg_version"`
	// Undisturbed: nobody else had changed the repository, nor was at work on
	// it, right before borg was executed.
	Undisturbed bool      `json:"undisturbed,omitempty"`
	StartedAt   time.Time `json:"started_at"`
}

// MarkStarted puts the mark on disk. borg may be executed after it returned
// nil, never before; fs.ErrExist if it has been.
func (d *Dir) MarkStarted(s Started) error {
	b, err := json.Marshal(s)
	if err == nil {
		err = atomicfile.Create(d.file(fileStarted), appendFrame(nil, b))
	}
	if err != nil {
		return fmt.Errorf("mark job started: %w", err)
	}
	return nil
}

// Started is the mark, or nil. A mark that cannot be read is one all the same:
// ErrDamaged comes with an empty Started.
func (d *Dir) Started() (*Started, error) {
	b, err := os.ReadFile(d.file(fileStarted))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read start mark: %w", err)
	}
	p, _, err := nextFrame(b)
	if err != nil {
		return &Started{}, fmt.Errorf("start mark: %w", err)
	}
	var s Started
	if err := json.Unmarshal(p, &s); err != nil {
		return &Started{}, fmt.Errorf("start mark: %w", ErrDamaged)
	}
	return &s, nil
}

// GiveBack takes the mark away after borg ended without having done anything:
// it waited for the repository's lock in vain, or could not read its own cache.
// Only the process that saw borg
// end so may do that. The mark goes before the register says waiting; a crash
// before it is gone leaves a started job, which is looked up and found without
// an archive: never run twice, never stuck.
func (d *Dir) GiveBack() error {
	if err := os.Remove(d.file(fileStarted)); err != nil {
		return fmt.Errorf("give job back: %w", err)
	}
	return atomicfile.SyncDir(d.path)
}

// BootID identifies the running kernel's boot: what was only in memory before
// another one is gone.
func BootID() (string, error) {
	b, err := os.ReadFile(bootIDPath())
	if err != nil {
		return "", fmt.Errorf("read boot id: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}
