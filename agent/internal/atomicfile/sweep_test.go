package atomicfile

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestSweep removes what the dead left, and nothing else.
func TestSweep(t *testing.T) {
	dead := exec.Command("true")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	stays := map[string]bool{
		fmt.Sprintf(".status.tmp%d-1", dead.Process.Pid): false,
		fmt.Sprintf(".status.tmp%d-2", os.Getpid()):      false, // a former process's, before a reboot
		fmt.Sprintf(".status.tmp%d-3", os.Getppid()):     true,
		"status": true, "a.tmp1-1": true, ".x.tmp": true, ".x.tmp-1": true, ".new-x": true,
	}
	for name := range stays {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := Sweep(dir); err != nil {
		t.Fatal(err)
	}
	for name, want := range stays {
		if _, err := os.Lstat(filepath.Join(dir, name)); (err == nil) != want {
			t.Errorf("%s is there: %v, want %v", name, err == nil, want)
		}
	}
	if err := Sweep(filepath.Join(dir, "none")); err != nil {
		t.Errorf("a directory that is not there: %v", err)
	}
}
