package revoked

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

func TestSurvives(t *testing.T) {
	path := filepath.Join(t.TempDir(), Name)
	a, b := uuid.NewString(), uuid.NewString()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	l := open(t, path)
	for _, agent := range []string{a, a, b} {
		if err := l.Add(agent, at); err != nil {
			t.Fatal(err)
		}
	}
	if data, _ := os.ReadFile(path); strings.Count(string(data), "\n") != 2 {
		t.Errorf("each is to be written once:\n%s", data)
	}
	l = open(t, path)
	for _, agent := range []string{a, b} {
		if got, there := l.At(agent); !there || !got.Equal(at) {
			t.Errorf("%s: %v %v", agent, got, there)
		}
	}
	if _, there := l.At(uuid.NewString()); there {
		t.Error("nobody shut this one out")
	}
}

// A crash leaves part of the last line, at any byte of it.
func TestTornLine(t *testing.T) {
	a, b, c := uuid.NewString(), uuid.NewString(), uuid.NewString()
	first, second := Entry{a, time.Now()}.Line(), Entry{b, time.Now()}.Line()
	for n := range len(second) {
		path := filepath.Join(t.TempDir(), Name)
		if err := os.WriteFile(path, []byte(first+second[:n]), 0o600); err != nil {
			t.Fatal(err)
		}
		l := open(t, path)
		if _, there := l.At(b); there {
			t.Errorf("%d bytes of a line count", n)
		}
		if err := l.Add(c, time.Now()); err != nil {
			t.Fatal(err)
		}
		l = open(t, path)
		for _, agent := range []string{a, c} {
			if _, there := l.At(agent); !there {
				t.Errorf("after %d bytes of a torn line, one is lost", n)
			}
		}
	}
}

func TestDamageIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), Name)
	for _, bad := range []string{"2026-03-01T12:00:00Z not-an-id\n", "\n", "yesterday " + uuid.NewString() + "\n"} {
		if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "line 1 is no revocation") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func open(t *testing.T, path string) *List {
	t.Helper()
	l, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}
