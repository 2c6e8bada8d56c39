package jobdir

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"borgfleet/agent/internal/atomicfile"
	"borgfleet/shared/job"
)

// Hooks is what an attempt at a job has begun of its hooks.
type Hooks struct {
	Open   bool      `json:"open"`   // from before the first hook until the last one has ended
	Broken int       `json:"broken"` // attempts whose job process died before borg was executed
	Runs   []HookRun `json:"runs,omitempty"`
}

// HookRun is noted before the hook is executed: none runs twice in one attempt.
type HookRun struct {
	Time    job.HookTime `json:"time"`
	Index   int          `json:"index"` // among those of that time
	Name    string       `json:"name"`
	Ended   bool         `json:"ended"`
	Problem string       `json:"problem,omitempty"` // why it did not end well
	NotNow  bool         `json:"not_now,omitempty"` // it wants the job to be tried later
}

// SetHooks keeps what was begun, durably.
func (d *Dir) SetHooks(h Hooks) error {
	b, err := json.Marshal(h)
	if err == nil {
		err = atomicfile.Write(d.file(fileHooks), appendFrame(nil, b))
	}
	if err != nil {
		return fmt.Errorf("note hooks: %w", err)
	}
	return nil
}

// Hooks is what SetHooks kept; zero if there is nothing.
func (d *Dir) Hooks() (Hooks, error) {
	var h Hooks
	p, err := d.readFrame(fileHooks)
	if err == nil && p != nil && json.Unmarshal(p, &h) != nil {
		err = ErrDamaged
	}
	if err != nil {
		return Hooks{}, fmt.Errorf("read hooks: %w", err)
	}
	return h, nil
}

// readFrame is nil when there is no such file.
func (d *Dir) readFrame(name string) ([]byte, error) {
	b, err := os.ReadFile(d.file(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	p, _, err := nextFrame(b)
	return p, err
}
