package schedule

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"borgfleet/shared/job"
)

// NewKey makes the key of a schedule.
func NewKey() Key {
	var k Key
	rand.Read(k[:]) // never fails
	return k
}

// KeyFromBytes reads a key from the wire.
func KeyFromBytes(b []byte) (Key, error) {
	if len(b) != len(Key{}) || Key(b) == (Key{}) {
		return Key{}, fmt.Errorf("a schedule's key has 16 bytes, not all of them 0")
	}
	return Key(b), nil
}

// For is the key that the host of a repository is told: who knows it can tell the
// keys of that repository's jobs, and of no other's.
func (k Key) For(repository int64) Key {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(append([]byte("repository"), k[:]...), uint64(repository)))
	return Key(sum[:len(k)])
}

// JobKey is the key of the backup of a repository that is due at fire, without
// splay. It is the same whoever makes it, and however often.
func (s Schedule) JobKey(repository int64, fire time.Time, attempt int) job.Key {
	b := make([]byte, 0, 64)
	b = append(b, s.Key[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(repository))
	b = binary.BigEndian.AppendUint64(b, uint64(fire.Unix()))
	b = binary.BigEndian.AppendUint64(b, uint64(attempt))
	b = append(b, job.Backup...)
	return job.DerivedKey(fire, b)
}

// SplayOf is how much later than others the repository's backup begins.
func (s Schedule) SplayOf(repository int64) time.Duration {
	seconds := uint64(s.Splay / time.Second)
	if seconds == 0 {
		return 0
	}
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(s.Key[:], uint64(repository)))
	return time.Duration(binary.BigEndian.Uint64(sum[:8])%seconds) * time.Second
}
