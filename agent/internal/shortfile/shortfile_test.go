package shortfile

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestRead(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, err := range []error{
		os.WriteFile(at("file"), []byte("content"), 0o600), os.Symlink("file", at("link")),
		unix.Mkfifo(at("pipe"), 0o600), os.Mkdir(at("dir"), 0o700), os.Symlink("pipe", at("to pipe")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	l, err := net.Listen("unix", at("socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for name, want := range map[string]string{"file": "cont", "link": "cont"} {
		if b, err := Read(at(name), 4); string(b) != want || err != nil {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	for name, want := range map[string]error{
		"pipe": fs.ErrInvalid, "to pipe": fs.ErrInvalid, "dir": fs.ErrInvalid, "socket": fs.ErrInvalid, "none": fs.ErrNotExist,
	} {
		if b, err := Read(at(name), 4); !errors.Is(err, want) {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
}
