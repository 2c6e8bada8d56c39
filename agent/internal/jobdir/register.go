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

// Register is the job's latest state, with its verdict if there is one.
func (d *Dir) Register() (job.Register, error) {
	r, err := d.status()
	if err != nil {
		return job.Register{}, err
	}
	v, err := d.Verdict()
	if err != nil {
		return job.Register{}, err
	}
	if v == nil {
		return r, nil
	}
	r.Verdict = v
	if !v.StartedAt.IsZero() {
		r.StartedAt = v.StartedAt
	}
	r.Progress, r.BorgRunning = v.Progress, false
	if v.ArchiveName != "" {
		r.ArchiveName = v.ArchiveName
	}
	return r, nil
}

// status reads the register as it was last written, without the verdict: the
// newer of what was synced and of the progress since, which a power cut may
// have torn or undone.
func (d *Dir) status() (job.Register, error) {
	r, err := d.readRegister(fileStatus)
	if err != nil {
		return job.Register{}, err
	}
	if r == nil {
		born := d.born
		r = &born
	}
	p, err := d.readRegister(fileProgress)
	if err == nil && p != nil && p.Newer(*r) {
		r = p
	}
	return *r, nil
}

// readRegister is nil when there is no such file.
func (d *Dir) readRegister(name string) (*job.Register, error) {
	b, err := os.ReadFile(d.file(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read register: %w", err)
	}
	p, _, err := nextFrame(b)
	if err != nil {
		return nil, fmt.Errorf("read register %s: %w", d.file(name), err)
	}
	var pr fleetv1.Register
	if err := proto.Unmarshal(p, &pr); err != nil {
		return nil, fmt.Errorf("read register %s: %w", d.file(name), ErrDamaged)
	}
	r, err := wire.ToRegister(&pr)
	if err != nil {
		return nil, fmt.Errorf("read register: %w", err)
	}
	return &r, nil
}

// writeStatus makes a value the register, durably.
func (d *Dir) writeStatus(r job.Register) error {
	return d.putRegister(fileStatus, r, atomicfile.Write)
}

// writeProgress does not wait for the disk. It is a file of its own: if a
// power cut tears it, the synced value, and the incarnation in it, is there.
func (d *Dir) writeProgress(r job.Register) error {
	return d.putRegister(fileProgress, r, atomicfile.Swap)
}

func (d *Dir) putRegister(name string, r job.Register, write func(string, []byte) error) error {
	r.Verdict = nil // it has a file of its own
	b, err := proto.Marshal(wire.FromRegister(r))
	if err == nil {
		err = write(d.file(name), appendFrame(nil, b))
	}
	if err != nil {
		return fmt.Errorf("write register: %w", err)
	}
	return nil
}

// Update changes the register while no job process runs: the caller holds the
// lock. Each call is an incarnation of its own, so nothing an earlier process
// wrote without syncing can pass for newer.
func (d *Dir) Update(change func(*job.Register)) error {
	r, err := d.status()
	if err != nil {
		return err
	}
	change(&r)
	r.Incarnation, r.Version = r.Incarnation+1, 1
	return d.writeStatus(r)
}
