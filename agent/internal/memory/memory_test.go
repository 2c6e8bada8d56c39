package memory

import (
	"os"
	"path/filepath"
	"testing"
)

type value struct{ A, B string }

func TestMemory(t *testing.T) {
	m := Of[value]{filepath.Join(t.TempDir(), "deep", "er")}
	if _, ok := m.Get(1); ok {
		t.Error("it remembers what was never put there")
	}
	for _, v := range []value{{"1", "2"}, {"3", ""}} {
		if err := m.Put(1, v); err != nil {
			t.Fatal(err)
		}
		if got, ok := m.Get(1); !ok || got != v {
			t.Errorf("%+v, want %+v", got, v)
		}
	}
	if _, ok := m.Get(2); ok {
		t.Error("it takes one registration for another")
	}
	if err := os.WriteFile(m.file(1), []byte(`{"A":"half`), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, ok := m.Get(1); ok || got != (value{}) {
		t.Errorf("of a damaged file: %+v", got)
	}
}
