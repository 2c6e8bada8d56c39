package fleet

import "testing"

// TestMemoFindsOnce for each version, and forgets the older ones.
func TestMemoFindsOnce(t *testing.T) {
	var m memo[int]
	finds := 0
	ask := func(version uint64, key string) int {
		return m.of(version, key, func() int { finds++; return finds })
	}
	for _, step := range []struct {
		version uint64
		key     string
		want    int
	}{{0, "a", 1}, {0, "a", 1}, {0, "b", 2}, {1, "a", 3}, {1, "a", 3}, {1, "b", 4}, {0, "a", 5}} {
		if got := ask(step.version, step.key); got != step.want {
			t.Errorf("%+v: got %d", step, got)
		}
	}
	// What is found while things change may be what was before.
	m.of(1, "c", func() int { ask(2, "d"); return -1 })
	if got := ask(2, "c"); got == -1 {
		t.Error("an older find is taken for a newer one")
	}
	for i := range 3 * mostRemembered {
		ask(2, string(rune(i)))
	}
	if n := len(m.by); n > mostRemembered {
		t.Errorf("%d are remembered", n)
	}
}
