package store

import (
	"os"
	"path/filepath"
	"testing"

	"borgfleet/scripts/faultfs"
)

func TestDirectory(t *testing.T) {
	t.Run("in use", func(t *testing.T) {
		s := open(t, t.TempDir())
		_, err := Open(s.dir.path, testOptions())
		wantCode(t, err, "data_dir_in_use")
	})
	t.Run("newer", func(t *testing.T) {
		s := open(t, t.TempDir())
		_ = s.Close()
		if err := os.WriteFile(filepath.Join(s.dir.path, versionFile), []byte("99\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(s.dir.path, testOptions())
		wantCode(t, err, "data_dir_newer")
	})
	t.Run("somebody else's", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "passwd"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(dir, testOptions())
		wantCode(t, err, "not_a_data_dir")
		if entries, _ := os.ReadDir(dir); len(entries) != 1 {
			t.Error("something was written there")
		}
	})
	t.Run("a file", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(file, testOptions())
		wantCode(t, err, "data_dir_unusable")
	})
	t.Run("mode", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "a", "b")
		open(t, dir)
		if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
			t.Error(info.Mode(), err)
		}
	})
	t.Run("first start cut short", func(t *testing.T) {
		dir := t.TempDir()
		for _, name := range []string{lockFile, versionFile + ".tmp"} {
			if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		addJob(t, open(t, dir), "a1")
	})
}

// TestTheDirectoryOutlivesThePower: on a disk that keeps only what was synced,
// a new data directory is there after a power cut, version and all.
func TestTheDirectoryOutlivesThePower(t *testing.T) {
	if err := faultfs.Available(); err != nil {
		t.Skip(err)
	}
	disk, err := faultfs.Mount(t.TempDir(), faultfs.Options{Order: faultfs.Strict})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := disk.Unmount(); err != nil {
			t.Error(err)
		}
	}()
	path := filepath.Join(disk.Dir(), "lib", "borgfleet", "store")
	d, err := openDir(path)
	if err != nil {
		t.Fatal(err)
	}
	disk.PowerCut(func() { _ = d.close() })
	if err := disk.PowerOn(); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(path, versionFile)); err != nil || len(text) == 0 {
		t.Errorf("the version is %q, %v", text, err)
	}
	if _, err := os.Stat(d.data()); err != nil {
		t.Error(err)
	}
}
