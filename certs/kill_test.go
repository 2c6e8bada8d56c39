package certs

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestACredentialOutlivesAKill: whenever an agent that saves its renewed
// credential is killed, the file is the old one or the new one, whole.
func TestACredentialOutlivesAKill(t *testing.T) {
	const inside = "BORGFLEET_TEST_SAVE_IN"
	if dir := os.Getenv(inside); dir != "" {
		saveForever(t, dir)
		return
	}
	a, _ := newTestAuthority(t)
	dir := t.TempDir()
	serials := map[string]bool{}
	for _, name := range []string{"one", "two"} {
		c := enrolTest(t, a, "web-1")
		serials[c.Identity().Serial] = true
		if err := c.Save(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]int{}
	for range 40 {
		cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), inside+"="+dir)
		ready, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := ready.Read(make([]byte, 1)); err != nil { // it has begun to save
			t.Fatal(err)
		}
		time.Sleep(rand.N(5 * time.Millisecond))
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		c, err := LoadCredential(filepath.Join(dir, "credential.pem"))
		if err != nil {
			t.Fatal(err)
		}
		seen[c.Identity().Serial]++
	}
	for serial := range seen {
		if !serials[serial] {
			t.Errorf("certificate %s was never saved", serial)
		}
	}
	if len(seen) != 2 {
		t.Errorf("killed always at the same: %v", seen)
	}
}

func saveForever(t *testing.T, dir string) {
	var both []*Credential
	for _, name := range []string{"one", "two"} {
		c, err := LoadCredential(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		both = append(both, c)
	}
	for i := 0; ; i++ {
		if err := both[i%2].Save(filepath.Join(dir, "credential.pem")); err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			os.Stdout.WriteString("!")
		}
	}
}
