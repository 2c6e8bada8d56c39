package borg

import (
	"context"
	"errors"
	"os"
	"path"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// ScanOptions are what borg will be told too, and the limits.
type ScanOptions struct {
	OneFileSystem    bool
	ExcludeCaches    bool
	ExcludeIfPresent []string
	Excludes         []string // borg --exclude
	// Skip are directories that borg leaves out by itself: its cache and a
	// local repository.
	Skip       []string
	MaxEntries int           // 0: 20 million
	MaxTime    time.Duration // 0: 10 minutes
}

// Scan adds up the sizes of the regular files that borg will read, in bytes,
// by lstat alone. complete is false, and the total of no use, when it was
// stopped (by ctx or a limit) or when an exclude pattern cannot be followed;
// in that case it does not even begin.
//
// It runs beside borg on a thread of its own with idle I/O priority and low
// CPU priority, so that it gives way to borg everywhere.
func Scan(ctx context.Context, sources []string, opt ScanOptions) (total int64, complete bool) {
	s := newScanner(ctx, opt)
	var ok bool
	if s.exclude, ok = newExcluder(opt.Excludes); !ok {
		return 0, false
	}
	s.named = !s.exclude.empty()
	s.scan(sources)
	return s.total, !s.stopped
}

// Measure adds up what lies below a directory: sizes as Scan does, and files of
// any kind but directories. It runs beside borg as Scan does.
func Measure(ctx context.Context, dir string) (size, files int64, complete bool) {
	s := newScanner(ctx, ScanOptions{})
	s.scan([]string{dir})
	return s.total, s.files, !s.stopped
}

func newScanner(ctx context.Context, opt ScanOptions) *scanner {
	s := &scanner{ctx: ctx, opt: opt, left: opt.MaxEntries, skip: make(map[inode]bool), linked: make(map[inode]bool)}
	if s.left <= 0 {
		s.left = 20_000_000
	}
	if opt.MaxTime <= 0 {
		opt.MaxTime = 10 * time.Minute
	}
	s.deadline = time.Now().Add(opt.MaxTime)
	return s
}

// scan runs on a thread that gives way to borg.
func (s *scanner) scan(sources []string) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		// Not unlocked: the thread ends with the goroutine, and its priority
		// with it.
		runtime.LockOSThread()
		lowPriority()
		s.run(sources)
	}()
	<-done
}

// lowPriority is for the calling thread. It is a courtesy: where the kernel
// refuses, the scan goes on without.
func lowPriority() {
	const (
		whoProcess = 1 // IOPRIO_WHO_PROCESS; id 0 is the calling thread
		idle       = 3 // IOPRIO_CLASS_IDLE
		classShift = 13
	)
	_, _, _ = unix.Syscall(unix.SYS_IOPRIO_SET, whoProcess, 0, idle<<classShift)
	_ = unix.Setpriority(unix.PRIO_PROCESS, 0, 10) // in Linux 0 is the thread here, too
}

type inode struct{ dev, ino uint64 }

type scanner struct {
	ctx      context.Context
	opt      ScanOptions
	exclude  excluder
	named    bool // paths matter
	deadline time.Time
	left     int // entries
	steps    int
	skip     map[inode]bool
	linked   map[inode]bool // files with several names, seen once
	dev      uint64         // of the source, for OneFileSystem
	buffers  [][]byte       // one for each depth, used again
	statx    unix.Statx_t   // used again
	total    int64
	files    int64 // of any kind but directories
	stopped  bool
}

func (s *scanner) run(sources []string) {
	for _, dir := range s.opt.Skip {
		var st unix.Stat_t
		if dir != "" && unix.Stat(dir, &st) == nil {
			s.skip[inode{uint64(st.Dev), st.Ino}] = true
		}
	}
	for _, source := range sources {
		source = path.Clean(source)
		name := append([]byte(source), 0)
		st, err := s.lstat(unix.AT_FDCWD, name)
		switch {
		case errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM):
			s.stopped = true // a kernel or a sandbox without statx
			return
		case err != nil:
			continue // borg warns about it and goes on
		}
		s.dev = st.id.dev
		if p := rel(source); p == "" || !s.named || !s.exclude.excludes(p) {
			s.object(unix.AT_FDCWD, name, p, st, 0)
		}
		// borg does not enter a source a second time, not even from above.
		s.skip[st.id] = true
		if s.stopped {
			return
		}
	}
}

// rel is the path as patterns see it.
func rel(source string) string {
	if source == "/" {
		return ""
	}
	return source[1:] + "/"
}

// object handles one file system object that no pattern excludes. Its name is
// relative to the directory at and ends with a NUL. p is its path for patterns
// ("a/b/"), kept only if there are any.
func (s *scanner) object(at int, name []byte, p string, st status, depth int) {
	if s.step() {
		return
	}
	if len(s.skip) > 0 && s.skip[st.id] {
		return
	}
	switch st.mode & unix.S_IFMT {
	case unix.S_IFREG:
		s.files++
		if st.nlink > 1 {
			if s.linked[st.id] {
				return
			}
			s.linked[st.id] = true
		}
		s.total += st.size
	case unix.S_IFDIR:
		// borg saves the directory on which another file system is mounted,
		// and nothing below it.
		if !s.opt.OneFileSystem || st.id.dev == s.dev {
			s.directory(at, name, p, depth)
		}
	default:
		s.files++
	}
}

// step counts an entry and says whether to stop.
func (s *scanner) step() bool {
	if s.stopped {
		return true
	}
	if s.left--; s.left < 0 {
		s.stopped = true
		return true
	}
	if s.steps++; s.steps%256 == 0 && (s.ctx.Err() != nil || time.Now().After(s.deadline)) {
		s.stopped = true
	}
	return s.stopped
}

const direntBuffer = 32 << 10

func (s *scanner) directory(at int, name []byte, p string, depth int) {
	var fd int
	err := retry(func() (err error) {
		fd, err = unix.Openat(at, unix.ByteSliceToString(name), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		if errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) {
			s.stopped = true // the rest would silently be missing
		}
		return
	}
	defer unix.Close(fd)
	if s.tagged(fd) {
		return
	}
	if depth == len(s.buffers) {
		s.buffers = append(s.buffers, make([]byte, direntBuffer))
	}
	buf := s.buffers[depth]
	for {
		var n int
		err := retry(func() (err error) {
			n, err = unix.Getdents(fd, buf)
			return err
		})
		if err != nil || n <= 0 {
			return
		}
		for rest := buf[:n]; len(rest) > 0; {
			var d dirent
			if d, rest = nextDirent(rest); d.name == nil {
				continue
			}
			s.child(fd, d, p, depth)
			if s.stopped {
				return
			}
		}
	}
}

func (s *scanner) child(fd int, d dirent, p string, depth int) {
	switch d.typ {
	case unix.DT_REG, unix.DT_DIR, unix.DT_UNKNOWN:
	default:
		s.files++
		s.step()
		return // has no size
	}
	if s.named {
		p += string(d.name[:len(d.name)-1]) + "/"
		if s.exclude.excludes(p) {
			s.step()
			return // borg does not touch it either
		}
	}
	st, err := s.lstat(fd, d.name)
	if err != nil {
		return
	}
	s.object(fd, d.name, p, st, depth+1)
}

// tagged says whether the directory is left out for a file in it.
func (s *scanner) tagged(fd int) bool {
	for _, tag := range s.opt.ExcludeIfPresent {
		// As borg: following links.
		if unix.Faccessat(fd, tag, unix.F_OK, 0) == nil {
			return true
		}
	}
	return s.opt.ExcludeCaches && cacheTagged(fd)
}

const cacheSignature = "Signature: 8a477f597d28d172789f06886806bc55"

func cacheTagged(dir int) bool {
	fd, err := unix.Openat(dir, "CACHEDIR.TAG", unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	f := os.NewFile(uintptr(fd), "CACHEDIR.TAG")
	defer f.Close()
	var head [len(cacheSignature)]byte
	n, _ := f.Read(head[:])
	return string(head[:n]) == cacheSignature
}

func retry(f func() error) error {
	for {
		if err := f(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
