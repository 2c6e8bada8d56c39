package job

import (
	"crypto/sha256"
	"time"
)

// DerivedKey makes a key that is the same whenever it is made of the same: a
// UUIDv8 that sorts by at, to the millisecond, like those of NewKey.
func DerivedKey(at time.Time, of []byte) Key {
	sum := sha256.Sum256(of)
	var k Key
	ms := uint64(max(at.UnixMilli(), 0))
	for i := range 6 {
		k[i] = byte(ms >> (8 * (5 - i)))
	}
	copy(k[6:], sum[:])
	k[6] = k[6]&0x0f | 0x80 // version 8
	k[8] = k[8]&0x3f | 0x80 // the variant of RFC 9562
	return k
}

// StepKey is the key of a step that follows a job. It sorts with that job.
func StepKey(parent Key, kind Kind) Key {
	sum := DerivedKey(time.Time{}, append(parent[:], kind...))
	copy(sum[:6], parent[:6])
	return sum
}
