package certs

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var start = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func newTestAuthority(t *testing.T) (*Authority, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "ca")
	a, err := CreateAuthority(dir, start, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return a, dir
}

func TestAuthorityIsTheSameAfterReopening(t *testing.T) {
	a, dir := newTestAuthority(t)
	b, err := OpenAuthority(dir)
	if err != nil {
		t.Fatal(err)
	}
	if a.FleetID() != b.FleetID() || a.RootFingerprint() != b.RootFingerprint() || a.ControllerID() != b.ControllerID() {
		t.Error("the reopened authority is another one")
	}
	if want := "spiffe://" + a.FleetID() + "/controller"; a.ControllerID() != want {
		t.Errorf("controller id %q, want %q", a.ControllerID(), want)
	}
	// What the reopened one signs, the first one's root vouches for.
	enrolTest(t, b, "web-1")
	if got := a.root.NotAfter.Sub(start); got != RootLife {
		t.Errorf("root lasts %s", got)
	}
	if got := a.issuing.NotAfter.Sub(start); got != IssuingLife {
		t.Errorf("issuing authority lasts %s", got)
	}
}

func TestAuthorityFilesAreTheOwnersAlone(t *testing.T) {
	_, dir := newTestAuthority(t)
	info, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o700 {
		t.Errorf("directory has mode %o", info.Mode().Perm())
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 4 {
		t.Errorf("%d files, want 4", len(entries))
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v", e.Name(), info.Mode().Perm(), err)
		}
	}
}

func TestAuthorityIsNeverReplaced(t *testing.T) {
	a, dir := newTestAuthority(t)
	if _, err := CreateAuthority(dir, start, rand.Reader); err == nil {
		t.Fatal("a second authority was made over the first")
	}
	b, err := OpenAuthority(dir)
	if err != nil || b.FleetID() != a.FleetID() {
		t.Fatalf("the first authority is gone: %v", err)
	}
	left, _ := filepath.Glob(filepath.Join(filepath.Dir(dir), ".ca.new-*"))
	if len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestAuthorityFailedCreationLeavesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	if _, err := CreateAuthority(dir, start, bytes.NewReader(make([]byte, 20))); err == nil {
		t.Fatal("made without randomness")
	}
	if _, err := OpenAuthority(dir); !errors.Is(err, ErrNoAuthority) {
		t.Errorf("open: %v, want ErrNoAuthority", err)
	}
	// An empty directory, as an installer makes it, is no obstacle.
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := CreateAuthority(dir, start, rand.Reader); err != nil {
		t.Error(err)
	}
}

func TestAuthorityDamaged(t *testing.T) {
	_, foreign := newTestAuthority(t)
	for _, file := range []string{rootCert, rootKey, issuingCert, issuingKey} {
		damage := map[string]func(path string) error{
			"missing": os.Remove,
			"empty":   func(p string) error { return os.WriteFile(p, nil, 0o600) },
			"foreign": func(p string) error {
				data, err := os.ReadFile(filepath.Join(foreign, file))
				if err != nil {
					return err
				}
				return os.WriteFile(p, data, 0o600)
			},
		}
		if strings.HasSuffix(file, ".key") {
			damage["readable"] = func(p string) error { return os.Chmod(p, 0o640) }
		}
		for name, do := range damage {
			t.Run(file+" "+name, func(t *testing.T) {
				_, dir := newTestAuthority(t)
				if err := do(filepath.Join(dir, file)); err != nil {
					t.Fatal(err)
				}
				_, err := OpenAuthority(dir)
				if err == nil {
					t.Fatal("opened")
				}
				if errors.Is(err, ErrNoAuthority) || errors.Is(err, fs.ErrNotExist) {
					t.Errorf("%v: looks as if a new one might be made", err)
				}
				if !strings.Contains(err.Error(), file) {
					t.Errorf("%v: does not name %s", err, file)
				}
			})
		}
	}
}

// A whole foreign pair is consistent in itself, and if it claims the same fleet
// only the signature tells.
func TestAuthorityWithForeignIssuing(t *testing.T) {
	sameFleet := func() string {
		dir := filepath.Join(t.TempDir(), "ca")
		if _, err := CreateAuthority(dir, start, io.MultiReader(bytes.NewReader(make([]byte, fleetIDBytes)), rand.Reader)); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	foreign, dir := sameFleet(), sameFleet()
	for _, f := range []string{issuingCert, issuingKey} {
		if err := os.Rename(filepath.Join(foreign, f), filepath.Join(dir, f)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := OpenAuthority(dir); err == nil {
		t.Error("opened with another fleet's issuing authority")
	}
}

func TestAuthoritiesCannotSignOthers(t *testing.T) {
	a, _ := newTestAuthority(t)
	if a.root.MaxPathLen != 1 || a.issuing.MaxPathLen != 0 || !a.issuing.MaxPathLenZero {
		t.Errorf("path lengths %d and %d", a.root.MaxPathLen, a.issuing.MaxPathLen)
	}
	if a.root.KeyUsage&x509.KeyUsageDigitalSignature != 0 {
		t.Error("the root may be used as more than an authority")
	}
}
