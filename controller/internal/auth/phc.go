package auth

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// phc is a password hash in the string format of the Password Hashing
// Competition: $argon2id$v=19$m=19456,t=2,p=1$SALT$KEY.
type phc struct {
	memory    uint32 // KiB
	time      uint32
	threads   uint8
	salt, key []byte
}

// A stored hash must not be able to take the controller's memory or time.
const (
	maxHashMemory  = 256 << 10
	maxHashTime    = 16
	maxHashThreads = 16
)

func (p phc) String() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.memory, p.time, p.threads,
		base64.RawStdEncoding.EncodeToString(p.salt), base64.RawStdEncoding.EncodeToString(p.key))
}

// parsePHC reads what String writes and nothing else. Its errors do not quote
// the hash.
func parsePHC(s string) (phc, error) {
	bad := errors.New("the stored password hash cannot be read: set the user's password again")
	parts := strings.Split(s, "$")
	if len(parts) != 6 {
		return phc{}, bad
	}
	var p phc
	var version int
	if _, err := fmt.Sscanf(parts[2]+" "+parts[3], "v=%d m=%d,t=%d,p=%d", &version, &p.memory, &p.time, &p.threads); err != nil {
		return phc{}, bad
	}
	var err1, err2 error
	p.salt, err1 = base64.RawStdEncoding.Strict().DecodeString(parts[4])
	p.key, err2 = base64.RawStdEncoding.Strict().DecodeString(parts[5])
	if errors.Join(err1, err2) != nil || p.String() != s {
		return phc{}, bad
	}
	if p.memory > maxHashMemory || p.memory < 8*uint32(p.threads) || p.time < 1 || p.time > maxHashTime ||
		p.threads < 1 || p.threads > maxHashThreads ||
		len(p.salt) < 8 || len(p.salt) > 64 || len(p.key) < 16 || len(p.key) > 64 {
		return phc{}, bad
	}
	return p, nil
}
