package state

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"borgfleet/scripts/faultfs"
)

func host(id string) func() (string, error) { return func() (string, error) { return id, nil } }

func TestMain(m *testing.M) {
	faultfs.Serving()
	os.Exit(m.Run())
}

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

// TestAnEnrolmentOutlivesThePower: the disk keeps only what was synced, and the
// token that was used up stays used up.
func TestAnEnrolmentOutlivesThePower(t *testing.T) {
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
	d, err := At(filepath.Join(disk.Dir(), "var", "lib", "agent"))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Create(); err != nil {
		t.Fatal(err)
	}
	id := Identity{AgentID: "a1", StateID: NewStateID(), MachineID: "m1"}
	if err := d.SaveIdentity(id); err != nil {
		t.Fatal(err)
	}
	disk.PowerCut(func() {})
	if err := disk.PowerOn(); err != nil {
		t.Fatal(err)
	}
	if got, err := d.Identity(); err != nil || got != id {
		t.Errorf("%+v, %v", got, err)
	}
	for _, dir := range []string{d.Jobs(), d.BorgBase(), d.Totals()} {
		if _, err := os.Stat(dir); err != nil {
			t.Error(err)
		}
	}
}
