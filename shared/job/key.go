package job

import (
	"encoding/hex"
	"fmt"

	"github.com/google/uuid"
)

// Key names a job on the wire and on disk. Whoever asks for a job makes its
// key, so an order can be repeated without being carried out twice.
type Key [16]byte

// NewKey makes the key of a manual job: a UUIDv7, so keys sort by time.
func NewKey() (Key, error) {
	u, err := uuid.NewV7()
	if err != nil {
		return Key{}, fmt.Errorf("make job key: %w", err)
	}
	return Key(u), nil
}

// ParseKey reads the text form that String writes.
func ParseKey(s string) (Key, error) {
	u, err := uuid.Parse(s)
	if err != nil || u.String() != s {
		return Key{}, fmt.Errorf("%q is not a job key", s)
	}
	return Key(u), nil
}

// KeyFromBytes reads a key from the wire.
func KeyFromBytes(b []byte) (Key, error) {
	if len(b) != len(Key{}) {
		return Key{}, fmt.Errorf("a job key has 16 bytes, not %d", len(b))
	}
	k := Key(b)
	if k.IsZero() {
		return Key{}, fmt.Errorf("the zero key names no job")
	}
	return k, nil
}

func (k Key) String() string { return uuid.UUID(k).String() }

// Short is the tail of the key, enough to tell the jobs of one host apart.
func (k Key) Short() string { return hex.EncodeToString(k[12:]) }

func (k Key) IsZero() bool { return k == Key{} }
