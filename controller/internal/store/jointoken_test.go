package store

import (
	"fmt"
	"testing"
	"time"
)

func useOf(t testing.TB, s *Store, hash, key string) (agent string) {
	t.Helper()
	update(t, s, func(tx *Tx) error {
		tk, ok := tx.JoinToken([]byte(hash))
		if !ok {
			t.Fatalf("no token %q", hash)
		}
		id, used, err := tx.JoinTokenUse(tk, []byte(key))
		if used != (id != "") {
			t.Errorf("used %v by %q", used, id)
		}
		agent = id
		return err
	})
	return agent
}

func useToken(t testing.TB, s *Store, hash, key, agent string) {
	t.Helper()
	update(t, s, func(tx *Tx) error {
		tk, _ := tx.JoinToken([]byte(hash))
		return tx.UseJoinToken(tk, JoinTokenUse{PublicKeySHA256: []byte(key), Agent: agent})
	})
}

// TestUsesOfAJoinToken are remembered, each in an entry of its own: the token's does
// not grow. Those of a token from before that stay good.
func TestUsesOfAJoinToken(t *testing.T) {
	s := open(t, t.TempDir())
	before := JoinToken{
		Hash: []byte("before"), ExpiresAt: time.Now().Add(time.Hour), UsesLeft: 9,
		Uses: []JoinTokenUse{{PublicKeySHA256: []byte("k0"), Agent: "a0"}},
	}
	fresh := JoinToken{Hash: []byte("fresh"), ExpiresAt: before.ExpiresAt, UsesLeft: 1000}
	update(t, s, func(tx *Tx) error { return firstError(tx.PutJoinToken(before), tx.PutJoinToken(fresh)) })
	size := func() (bytes int) {
		for e, err := range s.Entries() {
			if err != nil {
				t.Fatal(err)
			}
			if e.Key[0] == joinTokenPrefix {
				bytes += len(e.Value)
			}
		}
		return bytes
	}
	was := size()
	useToken(t, s, "before", "k1", "a1")
	for i := range 100 {
		useToken(t, s, "fresh", fmt.Sprint("k", i), fmt.Sprint("b", i))
	}
	if now := size(); now > was {
		t.Errorf("the tokens' own entries took %d bytes, and take %d", was, now)
	}
	s = reopened(t, s)
	for hash, keys := range map[string]map[string]string{
		"before": {"k0": "a0", "k1": "a1", "k2": ""},
		"fresh":  {"k0": "b0", "k99": "b99", "k100": ""},
	} {
		for key, want := range keys {
			if got := useOf(t, s, hash, key); got != want {
				t.Errorf("%s of %s is %q, want %q", key, hash, got, want)
			}
		}
	}
	for _, tk := range s.JoinTokens() {
		if want := map[string]int{"before": 8, "fresh": 900}[string(tk.Hash)]; tk.UsesLeft != want {
			t.Errorf("%s has %d uses left, want %d", tk.Hash, tk.UsesLeft, want)
		}
	}
}

// BenchmarkUseJoinToken: one more use of a token that has been used often.
func BenchmarkUseJoinToken(b *testing.B) {
	for _, used := range []int{0, 10_000} {
		b.Run(fmt.Sprint(used, " before"), func(b *testing.B) {
			s := open(b, b.TempDir())
			tk := JoinToken{Hash: []byte("t"), ExpiresAt: time.Now().Add(time.Hour), UsesLeft: 1 << 30}
			update(b, s, func(tx *Tx) error { return tx.PutJoinToken(tk) })
			for i := range used {
				update(b, s, func(tx *Tx) error {
					return tx.UseJoinToken(tk, JoinTokenUse{PublicKeySHA256: fmt.Appendf(nil, "%032d", i), Agent: "agent"})
				})
			}
			b.ResetTimer()
			for i := range b.N {
				useToken(b, s, "t", fmt.Sprintf("n%031d", i), "agent")
			}
		})
	}
}
