package jobdir

import (
	"fmt"
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
	if err := d.putVerdict(fileVerdict, v, atomicfile.Create); err != nil {
		return fmt.Errorf("write verdict: %w", err)
	}
	return nil
}

// SetJudged keeps the verdict that a job will have but for its hooks that are
// still to run: how borg ended is told once. Durable like the verdict.
func (d *Dir) SetJudged(v job.Verdict) error {
	if err := d.putVerdict(fileJudged, v, atomicfile.Write); err != nil {
		return fmt.Errorf("keep what became of borg: %w", err)
	}
	return nil
}

func (d *Dir) putVerdict(name string, v job.Verdict, write func(string, []byte) error) error {
	b, err := proto.Marshal(wire.FromVerdict(v))
	if err != nil {
		return err
	}
	return write(d.file(name), appendFrame(nil, b))
}

// Verdict is the job's last word, or nil while there is none.
func (d *Dir) Verdict() (*job.Verdict, error) {
	if d.born.Verdict != nil {
		return d.born.Verdict, nil
	}
	v, err := d.readVerdict(fileVerdict)
	if err != nil {
		return nil, fmt.Errorf("read verdict: %w", err)
	}
	if v == nil {
		return nil, nil
	}
	// The writer may still be waiting for the disk. What is told to anybody
	// must not be taken back by a power cut.
	if err := atomicfile.SyncDir(d.path); err != nil {
		return nil, fmt.Errorf("read verdict: %w", err)
	}
	return v, nil
}

// Judged is what SetJudged kept, or nil.
func (d *Dir) Judged() (*job.Verdict, error) {
	v, err := d.readVerdict(fileJudged)
	if err != nil {
		return nil, fmt.Errorf("read what became of borg: %w", err)
	}
	return v, nil
}

// readVerdict is nil when there is no such file.
func (d *Dir) readVerdict(name string) (*job.Verdict, error) {
	p, err := d.readFrame(name)
	if p == nil || err != nil {
		return nil, err
	}
	var pv fleetv1.Verdict
	if err := proto.Unmarshal(p, &pv); err != nil {
		return nil, ErrDamaged
	}
	v, err := wire.ToVerdict(&pv)
	if err != nil {
		return nil, err
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
