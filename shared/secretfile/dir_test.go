package secretfile_test

import (
	"os"
	"path/filepath"
	"testing"

	"borgfleet/scripts/faultfs"
	"borgfleet/shared/secretfile"
)

func TestMain(m *testing.M) {
	faultfs.Serving()
	os.Exit(m.Run())
}

// TestMakeDirOutlivesThePower: on a disk that keeps nothing but what was synced,
// a directory made three levels deep is there after a power cut, and what is
// synced in it.
func TestMakeDirOutlivesThePower(t *testing.T) {
	disk := mount(t)
	dir := filepath.Join(disk.Dir(), "a", "b", "c")
	must(t, secretfile.MakeDir(dir))
	must(t, secretfile.MakeDir(dir)) // again is no error
	must(t, secretfile.Write(filepath.Join(dir, "key"), []byte("secret"), 0o600))
	disk.PowerCut(func() {})
	must(t, disk.PowerOn())
	if data, err := os.ReadFile(filepath.Join(dir, "key")); err != nil || string(data) != "secret" {
		t.Errorf("%q, %v", data, err)
	}
	info, err := os.Stat(filepath.Join(disk.Dir(), "a"))
	must(t, err)
	if info.Mode().Perm() != 0o700 {
		t.Errorf("made with the mode %o", info.Mode().Perm())
	}
}

func TestMakeDirBelowAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	if err := secretfile.MakeDir(filepath.Join(file, "dir")); err == nil {
		t.Error("a directory was made below a file")
	}
	if err := secretfile.MakeDir(file); err == nil {
		t.Error("a file was taken for a directory")
	}
}

func mount(t *testing.T) *faultfs.FS {
	t.Helper()
	if err := faultfs.Available(); err != nil {
		t.Skip(err)
	}
	disk, err := faultfs.Mount(t.TempDir(), faultfs.Options{Order: faultfs.Strict})
	must(t, err)
	t.Cleanup(func() { must(t, disk.Unmount()) })
	return disk
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
