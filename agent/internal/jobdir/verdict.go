package jobdir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"google.golang.org/protobuf/proto"

	"borgfleet/agent/internal/atomicfile"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/wire"
)

// WriteVerdict writes the job's last word, durably, and never a second one:
// fs.ErrExist if there is one. The journal must have been synced up to
// v.JournalEnd before.
func (d *Dir) WriteVerdict(v job.Verdict) error {
	b, err := proto.Marshal(wire.FromVerdict(v))
	if err == nil {
		err = atomicfile.Create(d.file(fileVerdict), appendFrame(nil, b))
	}
	if err != nil {
		return fmt.Errorf("write verdict: %w", err)
	}
	return nil
}

// Verdict is the job's last word, or nil while there is none.
func (d *Dir) Verdict() (*job.Verdict, error) {
	if d.born.Verdict != nil {
		return d.born.Verdict, nil
	}
	b, err := os.ReadFile(d.file(fileVerdict))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read verdict: %w", err)
	}
	p, _, err := nextFrame(b)
	if err != nil {
		return nil, fmt.Errorf("read verdict: %w", err)
	}
	var pv fleetv1.Verdict
	if err := proto.Unmarshal(p, &pv); err != nil {
		return nil, fmt.Errorf("read verdict: %w", ErrDamaged)
	}
	v, err := wire.ToVerdict(&pv)
	if err != nil {
		return nil, fmt.Errorf("read verdict: %w", err)
	}
	// The writer may still be waiting for the disk. What is told to anybody
	// must not be taken back by a power cut.
	if err := atomicfile.SyncDir(d.path); err != nil {
		return nil, fmt.Errorf("read verdict: %w", err)
	}
	return &v, nil
}

// Ended says whether there is a verdict, without reading it.
func (d *Dir) Ended() bool {
	if d.born.Verdict != nil {
		return true
	}
	_, err := os.Lstat(d.file(fileVerdict))
	return err == nil
}
