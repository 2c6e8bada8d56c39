package faultfs

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func mounted(t *testing.T, opt Options) *FS {
	t.Helper()
	if err := Available(); err != nil {
		t.Skip(err)
	}
	fs, err := Mount(t.TempDir(), opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := fs.Unmount(); err != nil {
			t.Error(err)
		}
	})
	return fs
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wants(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got %v, want %v", err, want)
	}
}

// written is a file with some content, open and unsynced.
func written(t *testing.T, fs *FS, name, data string) *os.File {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(fs.Dir(), name), os.O_CREATE|os.O_RDWR, 0o600)
	must(t, err)
	t.Cleanup(func() { f.Close() })
	_, err = f.WriteString(data)
	must(t, err)
	return f
}

func syncDir(t *testing.T, dir string) {
	t.Helper()
	d, err := os.Open(dir)
	must(t, err)
	defer d.Close()
	must(t, d.Sync())
}

func TestAFullDiskTakesOnlyWhatOverwrites(t *testing.T) {
	fs := mounted(t, Options{})
	f := written(t, fs, "a", "before")
	fs.Fail(Faults{Full: true})
	_, err := f.WriteAt(make([]byte, 8192), 0)
	wants(t, err, syscall.ENOSPC)
	wants(t, os.WriteFile(filepath.Join(fs.Dir(), "b"), nil, 0o600), syscall.ENOSPC)
	wants(t, os.Mkdir(filepath.Join(fs.Dir(), "d"), 0o700), syscall.ENOSPC)
	wants(t, f.Truncate(1<<20), syscall.ENOSPC)
	_, err = f.WriteAt([]byte("after!"), 0)
	must(t, err)
	if n := freeBytes(t, fs); n != 0 {
		t.Errorf("%d bytes free", n)
	}
	fs.Fail(Faults{})
	_, err = f.WriteAt(make([]byte, 8192), 0)
	must(t, err)
}

func freeBytes(t *testing.T, fs *FS) int64 {
	t.Helper()
	var s unix.Statfs_t
	must(t, unix.Statfs(fs.Dir(), &s))
	return int64(s.Bavail) * s.Bsize
}

func TestASmallDiskFillsUpAndHasRoomAgain(t *testing.T) {
	fs := mounted(t, Options{})
	fs.Free(1 << 20)
	if n := freeBytes(t, fs); n != 1<<20 {
		t.Errorf("%d bytes free", n)
	}
	f := written(t, fs, "a", "")
	n, err := f.Write(make([]byte, 3<<20))
	wants(t, err, syscall.ENOSPC)
	if n != 1<<20 || freeBytes(t, fs) != 0 {
		t.Errorf("%d bytes written, %d free", n, freeBytes(t, fs))
	}
	must(t, unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, 512<<10))
	if n := freeBytes(t, fs); n != 512<<10 {
		t.Errorf("%d bytes free after a hole of 512 KiB", n)
	}
	must(t, f.Close())
	must(t, os.Remove(f.Name()))
	for deadline := time.Now().Add(10 * time.Second); freeBytes(t, fs) != 1<<20; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d bytes free after removal", freeBytes(t, fs))
		}
	}
}

func TestAReadOnlyDiskIsRead(t *testing.T) {
	fs := mounted(t, Options{})
	f := written(t, fs, "a", "there")
	fs.Fail(Faults{ReadOnly: true})
	_, err := f.WriteAt([]byte("x"), 0)
	wants(t, err, syscall.EROFS)
	wants(t, os.Remove(f.Name()), syscall.EROFS)
	wants(t, os.Rename(f.Name(), f.Name()+"2"), syscall.EROFS)
	wants(t, os.Chmod(f.Name(), 0o644), syscall.EROFS)
	_, err = os.OpenFile(f.Name(), os.O_RDWR, 0)
	wants(t, err, syscall.EROFS)
	data, err := os.ReadFile(f.Name())
	must(t, err)
	if string(data) != "there" {
		t.Errorf("read %q", data)
	}
}

func TestAFailedSyncIsNotMadeUpForByTheNext(t *testing.T) {
	lost := 0
	for seed := range uint64(40) {
		fs := mounted(t, Options{Seed: seed})
		f := written(t, fs, "a", "first")
		syncDir(t, fs.Dir())
		fs.Fail(Faults{FailSync: true})
		wants(t, f.Sync(), syscall.EIO)
		fs.Fail(Faults{})
		must(t, f.Sync())
		_, err := f.WriteAt([]byte("again"), pageSize)
		must(t, err)
		must(t, f.Sync())
		must(t, f.Close())
		fs.PowerCut(nil)
		must(t, fs.PowerOn())
		data, err := os.ReadFile(f.Name())
		must(t, err)
		if len(data) != pageSize+5 || string(data[pageSize:]) != "again" {
			t.Fatalf("seed %d: what was synced is gone: %d bytes", seed, len(data))
		}
		if string(data[:5]) != "first" {
			lost++
		}
	}
	if lost == 0 || lost == 40 {
		t.Errorf("lost in %d of 40", lost)
	}
}

func TestOnlyTheNthSyncFails(t *testing.T) {
	fs := mounted(t, Options{})
	f := written(t, fs, "a", "x")
	defer f.Close()
	fs.Fail(Faults{FailNth: 2})
	must(t, f.Sync())
	wants(t, f.Sync(), syscall.EIO)
	must(t, f.Sync())
	syncDir(t, fs.Dir())
}

func TestSyncsOfDirectoriesFailAlone(t *testing.T) {
	fs := mounted(t, Options{Order: Strict})
	f := written(t, fs, "a", "x")
	fs.Fail(Faults{FailDirSync: true})
	must(t, f.Sync())
	must(t, f.Close())
	dir, err := os.Open(fs.Dir())
	must(t, err)
	wants(t, dir.Sync(), syscall.EIO)
	fs.Fail(Faults{})
	must(t, dir.Sync())
	must(t, dir.Close())
	fs.PowerCut(nil)
	must(t, fs.PowerOn())
	if data, err := os.ReadFile(f.Name()); err != nil || string(data) != "x" {
		t.Errorf("after a sync that succeeded: %q, %v", data, err)
	}
}

func TestASlowSyncTakesItsTimeAndEndsWithThePower(t *testing.T) {
	fs := mounted(t, Options{})
	f := written(t, fs, "a", "x")
	fs.Fail(Faults{SlowSync: 50 * time.Millisecond})
	start := time.Now()
	must(t, f.Sync())
	if took := time.Since(start); took < 50*time.Millisecond {
		t.Errorf("took %s", took)
	}
	fs.Fail(Faults{SlowSync: time.Hour})
	done := slowSync(fs, f)
	fs.Fail(Faults{})
	must(t, <-done)
	fs.Fail(Faults{SlowSync: time.Hour})
	done = slowSync(fs, f)
	fs.PowerCut(func() {
		select {
		case err := <-done:
			t.Errorf("a sync ended while the power was being cut: %v", err)
		case <-time.After(20 * time.Millisecond):
		}
	})
	wants(t, <-done, syscall.EIO)
	must(t, f.Close())
}

// slowSync begins a sync, and gives what becomes of it.
func slowSync(fs *FS, f *os.File) <-chan error {
	before := fs.Stats().Syncs
	done := make(chan error, 1)
	go func() { done <- f.Sync() }()
	for fs.Stats().Syncs == before {
		time.Sleep(time.Millisecond)
	}
	return done
}

func TestChangesWaitWhileThePowerIsBeingCut(t *testing.T) {
	fs := mounted(t, Options{})
	f := written(t, fs, "a", "x")
	changes := map[string]func() error{
		"sync":   f.Sync,
		"write":  func() error { _, err := f.WriteAt([]byte("y"), 0); return err },
		"create": func() error { return os.Mkdir(filepath.Join(fs.Dir(), "d"), 0o700) },
	}
	done := make(chan error, len(changes))
	fs.PowerCut(func() {
		for _, change := range changes {
			go func() { done <- change() }()
		}
		time.Sleep(20 * time.Millisecond) // what is not there, cannot be waited for
		if n := len(done); n > 0 {
			t.Errorf("%d changes ended while the power was being cut", n)
		}
	})
	for range changes {
		wants(t, <-done, syscall.EIO)
	}
	must(t, f.Close())
}

func TestWhatOverwritesInPlaceIsLostOrKept(t *testing.T) {
	got := map[string]int{}
	for seed := range uint64(40) {
		fs := mounted(t, Options{Seed: seed})
		f := written(t, fs, "a", "old")
		must(t, f.Sync())
		syncDir(t, fs.Dir())
		_, err := f.WriteAt([]byte("new"), 0)
		must(t, err)
		must(t, f.Close())
		fs.PowerCut(nil)
		must(t, fs.PowerOn())
		data, err := os.ReadFile(f.Name())
		must(t, err)
		got[string(data)]++
	}
	if len(got) != 2 || got["old"] == 0 || got["new"] == 0 {
		t.Errorf("%v", got)
	}
}

func TestAnOrderedDiskLosesTheLastNamesOnly(t *testing.T) {
	counts := map[int]bool{}
	for seed := range uint64(20) {
		fs := mounted(t, Options{Seed: seed, Order: Ordered})
		for i := range 10 {
			must(t, os.Mkdir(filepath.Join(fs.Dir(), strconv.Itoa(i)), 0o700))
		}
		fs.PowerCut(nil)
		must(t, fs.PowerOn())
		entries, err := os.ReadDir(fs.Dir())
		must(t, err)
		for i, e := range entries {
			if e.Name() != strconv.Itoa(i) {
				t.Fatalf("seed %d: %v", seed, entries)
			}
		}
		counts[len(entries)] = true
	}
	if len(counts) < 5 {
		t.Errorf("always the same: %v", counts)
	}
}

func TestAFileThatMovesTwiceHasOneName(t *testing.T) {
	where := map[string]bool{}
	for seed := range uint64(40) {
		fs := mounted(t, Options{Seed: seed})
		must(t, written(t, fs, "0", "x").Close())
		syncDir(t, fs.Dir())
		for i := range 4 {
			must(t, os.Rename(filepath.Join(fs.Dir(), strconv.Itoa(i)), filepath.Join(fs.Dir(), strconv.Itoa(i+1))))
		}
		fs.PowerCut(nil)
		must(t, fs.PowerOn())
		entries, err := os.ReadDir(fs.Dir())
		must(t, err)
		if len(entries) != 1 {
			t.Fatalf("seed %d: %v", seed, entries)
		}
		where[entries[0].Name()] = true
	}
	if len(where) < 3 {
		t.Errorf("it is always at %v", where)
	}
}

// TestADirectoryWhoseRemovalIsLost is back with what it had on the disk.
func TestADirectoryWhoseRemovalIsLost(t *testing.T) {
	for name, order := range map[string]Order{"strict": Strict, "ordered": Ordered} {
		t.Run(name, func(t *testing.T) {
			got := map[string]int{}
			for seed := range uint64(40) {
				got[removedAndCut(t, Options{Seed: seed, Order: order})]++
			}
			if len(got) != 3 || got["gone"] == 0 || got["synced"] == 0 || got["SYNCED"] == 0 {
				t.Errorf("%v", got)
			}
		})
	}
}

// removedAndCut removes a directory and what is in it, cuts the power when
// nothing live knows it any more, and gives what the file in it has then.
func removedAndCut(t *testing.T, opt Options) string {
	t.Helper()
	fs := mounted(t, opt)
	dir := filepath.Join(fs.Dir(), "d", "e")
	must(t, os.MkdirAll(dir, 0o700))
	f := written(t, fs, "d/e/a", "synced")
	must(t, f.Sync())
	for _, d := range []string{dir, filepath.Dir(dir), fs.Dir()} {
		syncDir(t, d)
	}
	_, err := f.WriteAt([]byte("SYNCED"), 0)
	must(t, err)
	must(t, f.Close())
	must(t, os.RemoveAll(filepath.Dir(dir)))
	for fs.Stats().Inodes > 1 {
		time.Sleep(time.Millisecond) // the kernel forgets when it likes
	}
	fs.PowerCut(nil)
	must(t, fs.PowerOn())
	data, err := os.ReadFile(f.Name())
	if errors.Is(err, os.ErrNotExist) {
		return "gone"
	}
	must(t, err)
	return string(data)
}
