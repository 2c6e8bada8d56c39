package jobdir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"google.golang.org/protobuf/proto"

	"borgfleet/agent/internal/atomicfile"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/wire"
)

// ErrExists says that the key has been used: a key is executed once, for ever.
var ErrExists = errors.New("the job directory exists already")

// Names in a job's directory.
const (
	fileSpec     = "spec"
	fileLock     = "lock"
	fileBorgLock = "borg.lock"
	fileDesired  = "desired"
	fileAcked    = "acked"
	fileID       = "id"
	fileStarted  = "started"
	fileStatus   = "status"
	fileProgress = "progress"
	fileExit     = "exit"
	fileVerdict  = "verdict"
	dirJournal   = "journal"
	fileSynced   = "synced" // in dirJournal
	fileLog      = "jobproc.log"
	fileExpected = "expected"
	fileHooks    = "hooks"
	fileJudged   = "judged"
)

// tmpPrefix marks directories that are still being made.
const tmpPrefix = ".new-"

// Dir is one job's directory. Its methods may be used from several goroutines.
type Dir struct {
	path string
	key  job.Key
	spec job.Spec
	born job.Register
}

// Create makes the directory of a new job. It is all there or not at all, also
// after a power cut; ErrExists if the key was used before.
func Create(jobsDir string, key job.Key, spec job.Spec, phase job.Phase) (*Dir, error) {
	return create(jobsDir, key, spec, job.Register{Incarnation: 1, Version: 1, Phase: phase})
}

// CreateEnded makes the directory of a job that ends before it was ever held
// here: refused or cancelled. It is the memory that the key is used up.
func CreateEnded(jobsDir string, key job.Key, spec job.Spec, v job.Verdict) (*Dir, error) {
	reg := job.Register{Incarnation: 1, Version: 1, Phase: job.PhaseAccepted, Verdict: &v}
	return create(jobsDir, key, spec, reg)
}

func create(jobsDir string, key job.Key, spec job.Spec, reg job.Register) (*Dir, error) {
	path := filepath.Join(jobsDir, key.String())
	if _, err := os.Lstat(path); err == nil {
		return nil, ErrExists
	}
	tmp, err := os.MkdirTemp(jobsDir, tmpPrefix)
	if err != nil {
		return nil, fmt.Errorf("make job directory: %w", err)
	}
	if err := build(tmp, spec, reg); err != nil {
		os.RemoveAll(tmp)
		return nil, fmt.Errorf("make job directory: %w", err)
	}
	// A directory that is not empty is never replaced by rename.
	if err := os.Rename(tmp, path); err != nil {
		os.RemoveAll(tmp)
		if errors.Is(err, fs.ErrExist) {
			return nil, ErrExists
		}
		return nil, fmt.Errorf("make job directory: %w", err)
	}
	if err := atomicfile.SyncDir(jobsDir); err != nil {
		return nil, errors.Join(fmt.Errorf("make job directory: %w", err), unmake(path, tmp))
	}
	return &Dir{path: path, key: key, spec: spec, born: reg}, nil
}

// unmake takes a directory back of which it is not known whether it would survive:
// who asked for the job is told that it was not made, so it must not start with
// the next daemon. On such a disk it is not deleted, only named as unfinished: a
// power cut may give the key its directory again, and not half of it.
func unmake(path, tmp string) error {
	if err := os.Rename(path, tmp); err != nil {
		return fmt.Errorf("nor could it be taken back, so the job may begin when the agent is started again: %w", err)
	}
	if atomicfile.SyncDir(filepath.Dir(path)) == nil {
		os.RemoveAll(tmp)
	}
	return nil
}

// build writes spec and first register as one file: two files would cost a
// second wait for the disk before every start.
func build(tmp string, spec job.Spec, reg job.Register) error {
	sp, err := proto.Marshal(wire.FromSpec(spec))
	if err != nil {
		return err
	}
	rp, err := proto.Marshal(wire.FromRegister(reg))
	if err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(tmp, dirJournal), 0o700); err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(tmp, fileSpec), appendFrame(appendFrame(nil, sp), rp))
}

// Open reads a job's directory.
func Open(path string) (*Dir, error) {
	key, err := job.ParseKey(filepath.Base(path))
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(filepath.Join(path, fileSpec))
	if err != nil {
		return nil, fmt.Errorf("open job %s: %w", key, err)
	}
	d := &Dir{path: path, key: key}
	if err := d.parseSpec(b); err != nil {
		return nil, fmt.Errorf("open job %s: spec: %w", key, err)
	}
	return d, nil
}

func (d *Dir) parseSpec(b []byte) error {
	sp, rest, err := nextFrame(b)
	if err != nil {
		return err
	}
	rp, _, err := nextFrame(rest)
	if err != nil {
		return err
	}
	var ps fleetv1.JobSpec
	if err := proto.Unmarshal(sp, &ps); err != nil {
		return err
	}
	if d.spec, err = wire.ToSpec(&ps); err != nil {
		return err
	}
	var pr fleetv1.Register
	if err := proto.Unmarshal(rp, &pr); err != nil {
		return err
	}
	d.born, err = wire.ToRegister(&pr)
	return err
}

// Damage is a directory that List could not open.
type Damage struct {
	Path string
	Err  error
}

// Key is the job's that the directory is of; false if it is nobody's.
func (d Damage) Key() (job.Key, bool) {
	key, err := job.ParseKey(filepath.Base(d.Path))
	return key, err == nil && !key.IsZero()
}

// List opens every job's directory, oldest key first, and removes what a crash
// left of directories that were never finished. Damaged ones are named, and
// left alone for a person to look at.
func List(jobsDir string) (dirs []*Dir, damaged []Damage, err error) {
	entries, err := os.ReadDir(jobsDir)
	if err != nil {
		return nil, nil, fmt.Errorf("list jobs: %w", err)
	}
	for _, e := range entries {
		path := filepath.Join(jobsDir, e.Name())
		if strings.HasPrefix(e.Name(), tmpPrefix) {
			os.RemoveAll(path)
			continue
		}
		d, err := Open(path)
		if err != nil {
			damaged = append(damaged, Damage{Path: path, Err: err})
			continue
		}
		dirs = append(dirs, d)
	}
	return dirs, damaged, nil
}

// Remove deletes the directory. It is renamed first: a crash half-way leaves
// something that List clears away, not a job without its verdict. After a power
// cut as well: the new name is on the disk before the first file goes.
func (d *Dir) Remove() error {
	jobsDir := filepath.Dir(d.path)
	tmp := filepath.Join(jobsDir, tmpPrefix+"gone-"+d.key.String())
	if err := os.Rename(d.path, tmp); err != nil {
		return fmt.Errorf("remove job %s: %w", d.key, err)
	}
	if err := atomicfile.SyncDir(jobsDir); err != nil {
		// It may be there again after a power cut, so it must be whole then.
		return errors.Join(fmt.Errorf("remove job %s: %w", d.key, err), os.Rename(tmp, d.path))
	}
	if err := os.RemoveAll(tmp); err != nil {
		return fmt.Errorf("remove job %s: %w", d.key, err)
	}
	return nil
}

// Key names the job.
func (d *Dir) Key() job.Key { return d.key }

// Path is the directory itself.
func (d *Dir) Path() string { return d.path }

// Spec is what the job was ordered to do.
func (d *Dir) Spec() job.Spec { return d.spec }

// LogPath is where the job process's own messages go.
func (d *Dir) LogPath() string { return d.file(fileLog) }

func (d *Dir) file(name string) string { return filepath.Join(d.path, name) }
