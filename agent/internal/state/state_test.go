package state

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func host(id string) func() (string, error) { return func() (string, error) { return id, nil } }

// TestACopyIsNoticed: two machines with one state would share certificate,
// history and BORG_HOST_ID, and break each other's living locks.
func TestACopyIsNoticed(t *testing.T) {
	d, err := At(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	id := Identity{AgentID: "a1", MachineID: "m1"}
	for host, read := range map[string]func() (string, error){"the same": host("m1"), "one without an id": host("")} {
		if err := d.CheckMachine(id, read); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
	err = d.CheckMachine(id, host("m2"))
	if !errors.Is(err, ErrOtherMachine) || !strings.Contains(err.Error(), "enroll --moved --state-dir "+d.Path()) ||
		!strings.Contains(err.Error(), "empty --state-dir") {
		t.Errorf("another machine: %v", err)
	}
	broken := errors.New("read error")
	if err := d.CheckMachine(id, func() (string, error) { return "", broken }); !errors.Is(err, broken) {
		t.Errorf("unknown machine: %v", err)
	}
}

func TestMachineIDFiles(t *testing.T) {
	dir := t.TempDir()
	first, second := filepath.Join(dir, "1"), filepath.Join(dir, "2")
	want := func(id string) {
		t.Helper()
		if got, err := machineID(first, second); got != id || err != nil {
			t.Errorf("%q, %v, want %q", got, err, id)
		}
	}
	write := func(file, text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want("")
	write(second, "dbus\n")
	want("dbus")
	write(first, "uninitialized\n") // what systemd leaves in an image
	want("dbus")
	write(first, "own\n")
	want("own")
	if err := os.Remove(first); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(first, 0o700); err != nil {
		t.Fatal(err)
	}
	if id, err := machineID(first, second); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("unreadable, and it says %q, %v", id, err)
	}
}
