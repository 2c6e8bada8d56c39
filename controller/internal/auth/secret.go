package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
)

// secretPrefix makes API tokens known to whoever finds one, and to programs
// that look for secrets where none should be.
const secretPrefix = "bft_"

const (
	secretBytes   = 32
	secretIDBytes = 8
)

// secret is an API token in clear: bft_ID_SECRET. Only its hash is kept.
type secret struct {
	id  string
	raw []byte
}

func newSecret(rand io.Reader) (secret, error) {
	b := make([]byte, secretIDBytes+secretBytes)
	if _, err := io.ReadFull(rand, b); err != nil {
		return secret{}, fmt.Errorf("make API token: %w", err)
	}
	return secret{id: hex.EncodeToString(b[:secretIDBytes]), raw: b[secretIDBytes:]}, nil
}

// text is what its owner is shown, once.
func (s secret) text() string {
	return secretPrefix + s.id + "_" + base64.RawURLEncoding.EncodeToString(s.raw)
}

// String keeps the secret out of logs.
func (secret) String() string { return "API token" }

// GoString keeps the secret out of logs.
func (secret) GoString() string { return "API token" }

// hash is what is kept. The secret has 256 random bits, so that nothing slower
// than this is needed.
func (s secret) hash() []byte {
	sum := sha256.Sum256(s.raw)
	return sum[:]
}

// is says whether this is the secret that hash was made of.
func (s secret) is(hash []byte) bool { return subtle.ConstantTimeCompare(s.hash(), hash) == 1 }

// parseSecret reads what text writes and nothing else.
func parseSecret(s string) (secret, bool) {
	rest, ok := strings.CutPrefix(s, secretPrefix)
	if !ok {
		return secret{}, false
	}
	id, tail, _ := strings.Cut(rest, "_")
	raw, err := base64.RawURLEncoding.Strict().DecodeString(tail)
	out := secret{id: id, raw: raw}
	if err != nil || len(raw) != secretBytes || len(id) != 2*secretIDBytes || out.text() != s {
		return secret{}, false
	}
	return out, true
}

func isSecret(s string) bool { return strings.HasPrefix(s, secretPrefix) }
