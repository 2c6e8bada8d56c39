// Package fingerprint lets a caller find out whether the controller has the same
// secret, without either of them saying it. A hash that the controller told on its
// own would do for guessing at leisure; one under a key that the caller makes up,
// and that the controller only compares, answers one question a request.
package fingerprint

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// size is that of a key and of a fingerprint, in bytes.
const size = 32

// Key is made anew for each question.
type Key [size]byte

// NewKey makes one.
func NewKey() (k Key, err error) {
	if _, err := rand.Read(k[:]); err != nil {
		return k, fmt.Errorf("make key: %w", err)
	}
	return k, nil
}

// ParseKey reads what String has written.
func ParseKey(text string) (k Key, err error) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != size {
		return k, fmt.Errorf("it must be %d bytes in hexadecimal digits", size)
	}
	copy(k[:], raw)
	return k, nil
}

func (k Key) String() string { return hex.EncodeToString(k[:]) }

// Of is the fingerprint of a field's value. The name is in it: that two fields hold
// the same is nobody's business.
func (k Key) Of(field, value string) string {
	h := hmac.New(sha256.New, k[:])
	fmt.Fprintf(h, "%s\x00%s", field, value)
	return hex.EncodeToString(h.Sum(nil))
}

// Is says whether a fingerprint is that of a field's value. Of nothing there is none.
func (k Key) Is(fingerprint, field, value string) bool {
	return value != "" && hmac.Equal([]byte(fingerprint), []byte(k.Of(field, value)))
}

// Check says what is wrong with a text that should be a fingerprint.
func Check(text string) error {
	if raw, err := hex.DecodeString(text); err != nil || len(raw) != size {
		return fmt.Errorf("it must be the %d hexadecimal digits of HMAC-SHA256, under the key, of the field's name, a NUL byte and the value", 2*size)
	}
	return nil
}
