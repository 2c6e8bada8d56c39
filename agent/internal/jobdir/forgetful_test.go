package jobdir

import (
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"sync"
	"syscall"
)

// forgetful is a store whose power can be cut: what was not synced is then
// gone, or there in part, as on a real disk. What a failed sync was to write is
// never written by a later one, as on Linux: it can be read until the power goes.
type forgetful struct {
	mu   sync.Mutex
	rnd  *rand.Rand
	live map[string]*memFile
	dir  map[string]*memFile // what the directory says after a power cut
	gone map[string]*memFile // names that a failed sync has lost
	full bool                // no more space
	bad  bool                // syncs fail
}

type memFile struct {
	data   []byte
	synced []byte
	gone   [][2]int // of data: what failed syncs have lost
}

// flushed is what a sync that succeeds leaves on the disk.
func (f *memFile) flushed() []byte {
	b := append([]byte(nil), f.data...)
	for _, g := range f.gone {
		clear(b[min(g[0], len(b)):min(g[1], len(b))])
	}
	return b
}

func newForgetful(seed uint64) *forgetful {
	return &forgetful{rnd: rand.New(rand.NewPCG(seed, 1)), live: map[string]*memFile{}, dir: map[string]*memFile{}, gone: map[string]*memFile{}}
}

func (s *forgetful) names() ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for n := range s.live {
		out = append(out, n)
	}
	return out, nil
}

func (s *forgetful) read(name string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, ok := s.live[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return append([]byte(nil), f.data...), nil
}

func (s *forgetful) open(name string) (segment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, ok := s.live[name]
	if !ok {
		if s.full {
			return nil, syscall.ENOSPC
		}
		f = &memFile{}
		s.live[name] = f
	}
	return &memSegment{s: s, f: f}, nil
}

func (s *forgetful) view(name string) (segment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, ok := s.live[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return &memSegment{s: s, f: f}, nil
}

func (s *forgetful) remove(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.live, name)
	return nil
}

func (s *forgetful) rename(from, to string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, ok := s.live[from]
	if !ok {
		return fs.ErrNotExist
	}
	delete(s.live, from)
	s.live[to] = f
	return nil
}

func (s *forgetful) syncDir() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n, f := range s.live {
		if s.bad && s.dir[n] != f {
			s.gone[n] = f
		}
	}
	if s.bad {
		return syscall.EIO
	}
	for n := range s.dir {
		if _, there := s.live[n]; !there {
			delete(s.dir, n)
		}
	}
	for n, f := range s.live {
		if s.gone[n] != f {
			s.dir[n] = f
		}
	}
	return nil
}

func (s *forgetful) free() (int64, error) { return 1 << 40, nil }

// powerCut forgets: a name that was not synced may be gone, a file keeps what
// was synced and any part of what was written after it.
func (s *forgetful) powerCut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n, f := range s.live {
		if s.dir[n] != f && s.rnd.IntN(2) == 0 {
			delete(s.live, n)
			continue
		}
		kept := append([]byte(nil), f.synced...)
		if more := len(f.data) - len(f.synced); more > 0 {
			kept = append(kept, f.data[len(f.synced):len(f.synced)+s.rnd.IntN(more+1)]...)
			if s.rnd.IntN(3) == 0 && len(kept) > len(f.synced) {
				kept[len(f.synced)+s.rnd.IntN(len(kept)-len(f.synced))] ^= 0x40
			}
			for _, g := range f.gone {
				clear(kept[min(g[0], len(kept)):min(g[1], len(kept))])
			}
		}
		s.live[n] = &memFile{data: kept, synced: append([]byte(nil), kept...)}
	}
	for n, f := range s.dir {
		if _, ok := s.live[n]; !ok { // removed, but not for the disk
			s.live[n] = &memFile{data: append([]byte(nil), f.synced...), synced: f.synced}
		}
	}
	clear(s.dir)
	clear(s.gone)
	for n, f := range s.live {
		s.dir[n] = f
	}
}

type memSegment struct {
	s   *forgetful
	f   *memFile
	off int64
}

func (m *memSegment) Write(b []byte) (int, error) {
	n, err := m.WriteAt(b, m.off)
	m.off += int64(n)
	return n, err
}

func (m *memSegment) WriteAt(b []byte, off int64) (int, error) {
	m.s.mu.Lock()
	defer m.s.mu.Unlock()
	var err error
	if m.s.full && off+int64(len(b)) > int64(len(m.f.data)) {
		b, err = b[:len(b)/3], syscall.ENOSPC
	}
	if need := off + int64(len(b)); int64(len(m.f.data)) < need {
		m.f.data = append(m.f.data, make([]byte, need-int64(len(m.f.data)))...)
	}
	copy(m.f.data[off:], b)
	return len(b), err
}

func (m *memSegment) ReadAt(b []byte, off int64) (int, error) {
	m.s.mu.Lock()
	defer m.s.mu.Unlock()
	if off >= int64(len(m.f.data)) {
		return 0, io.EOF
	}
	n := copy(b, m.f.data[off:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (m *memSegment) Truncate(size int64) error {
	m.s.mu.Lock()
	defer m.s.mu.Unlock()
	if int64(len(m.f.data)) > size {
		m.f.data = m.f.data[:size]
	}
	if int64(len(m.f.synced)) > size {
		m.f.synced = m.f.synced[:size]
	}
	for i, g := range m.f.gone {
		m.f.gone[i] = [2]int{min(g[0], int(size)), min(g[1], int(size))}
	}
	return nil
}

func (m *memSegment) Seek(off int64, whence int) (int64, error) {
	if whence != io.SeekStart {
		return 0, errors.New("not needed")
	}
	m.off = off
	return off, nil
}

func (m *memSegment) syncData() error {
	m.s.mu.Lock()
	defer m.s.mu.Unlock()
	if m.s.bad {
		// Nothing is written over in place but a few bytes that are never synced, so
		// what is behind the end of the last good sync is what this one lost.
		if from := len(m.f.synced); from < len(m.f.data) {
			m.f.gone = append(m.f.gone, [2]int{from, len(m.f.data)})
		}
		return syscall.EIO
	}
	m.f.synced = m.f.flushed()
	return nil
}

func (m *memSegment) Close() error { return nil }
