package jobdir

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sort"

	"golang.org/x/sys/unix"

	"borgfleet/agent/internal/atomicfile"
)

// store is the directory under a journal. It is a seam: kill -9 cannot show
// what a power cut does to unsynced writes, a store that forgets them can.
type store interface {
	names() ([]string, error)
	read(name string) ([]byte, error)
	open(name string) (segment, error) // made if missing
	view(name string) (segment, error) // for reading only
	remove(name string) error
	rename(from, to string) error // replaces
	syncDir() error
	free() (int64, error) // bytes that may still be written on this disk
}

// segment is one open file of a store, written at its end.
type segment interface {
	Write(b []byte) (int, error)
	WriteAt(b []byte, off int64) (int, error)
	ReadAt(b []byte, off int64) (int, error)
	Truncate(size int64) error
	Seek(off int64, whence int) (int64, error)
	syncData() error
	Close() error
}

type diskStore struct{ dir string }

func (s diskStore) names() ([]string, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out, nil
}

func (s diskStore) read(name string) ([]byte, error) {
	return os.ReadFile(filepath.Join(s.dir, name))
}

func (s diskStore) open(name string) (segment, error) {
	f, err := os.OpenFile(filepath.Join(s.dir, name), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	return diskSegment{f}, nil
}

func (s diskStore) view(name string) (segment, error) {
	f, err := os.Open(filepath.Join(s.dir, name))
	if err != nil {
		return nil, err
	}
	return diskSegment{f}, nil
}

func (s diskStore) remove(name string) error { return os.Remove(filepath.Join(s.dir, name)) }

func (s diskStore) rename(from, to string) error {
	return os.Rename(filepath.Join(s.dir, from), filepath.Join(s.dir, to))
}

func (s diskStore) syncDir() error { return atomicfile.SyncDir(s.dir) }

func (s diskStore) free() (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(s.dir, &st); err != nil {
		return 0, err
	}
	return int64(st.Bavail) * st.Bsize, nil
}

type diskSegment struct{ *os.File }

func (s diskSegment) syncData() error {
	for {
		err := unix.Fdatasync(int(s.Fd()))
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// segments lists the first numbers of a journal's segments, in order.
func segments(s store) ([]uint64, error) {
	names, err := s.names()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []uint64
	for _, n := range names {
		if first, ok := segmentFirst(n); ok {
			out = append(out, first)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i] < out[j] })
	return out, nil
}
