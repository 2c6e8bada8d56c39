package seal

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"filippo.io/age"

	"borgfleet/shared/secretfile"
)

// Identity is the private half of an agent's sealing key. It is made once and
// stays: everything that was sealed to it is lost with it.
type Identity struct {
	key *age.X25519Identity
}

// NewIdentity makes a key. Its randomness is the operating system's; age takes
// no other.
func NewIdentity() (*Identity, error) {
	key, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, fmt.Errorf("make sealing key: %w", err)
	}
	return &Identity{key: key}, nil
}

// Recipient is the public half, to which others seal.
func (id *Identity) Recipient() string { return id.key.Recipient().String() }

// Fingerprint is what people compare, see the function Fingerprint.
func (id *Identity) Fingerprint() string { return Fingerprint(id.Recipient()) }

// String keeps the private half out of logs.
func (id *Identity) String() string { return "sealing key " + id.Recipient() }

// GoString keeps the private half out of logs.
func (id *Identity) GoString() string { return id.String() }

// Private is the private half in the form of age-keygen, so that a person with
// nothing but age can open a seal. It is for a file or a person's eyes.
func (id *Identity) Private() string {
	return fmt.Sprintf("# public key: %s\n%s\n", id.Recipient(), id.key)
}

// Save writes what Private gives to file, mode 0600.
func (id *Identity) Save(file string) error {
	if err := secretfile.Write(file, []byte(id.Private()), 0o600); err != nil {
		return fmt.Errorf("save sealing key: %w", err)
	}
	return nil
}

// LoadIdentity reads what Save wrote.
func LoadIdentity(file string) (*Identity, error) {
	data, err := secretfile.Read(file)
	if err != nil {
		return nil, fmt.Errorf("read sealing key: %w", err)
	}
	id, err := ParseIdentity(data)
	if err != nil {
		return nil, fmt.Errorf("read sealing key: %s: %w: restore it from a backup, or enroll this host again and set the passphrases anew", file, err)
	}
	return id, nil
}

// ParseIdentity reads what Private gives. Its errors never quote it.
func ParseIdentity(data []byte) (*Identity, error) {
	var keys []string
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			keys = append(keys, line)
		}
	}
	if len(keys) != 1 {
		return nil, fmt.Errorf("it holds %d keys, not one", len(keys))
	}
	key, err := age.ParseX25519Identity(keys[0])
	if err != nil { // age's own error can quote the line, which is the secret
		return nil, errors.New("it is no private key (AGE-SECRET-KEY-1...), or it is damaged")
	}
	return &Identity{key: key}, nil
}

// CheckRecipient says whether s is a public key to which can be sealed. Its
// errors never quote s: it may be a private key that was given by mistake.
func CheckRecipient(s string) error {
	_, err := parseRecipient(s)
	return err
}

func parseRecipient(s string) (*age.X25519Recipient, error) {
	to, err := age.ParseX25519Recipient(s)
	if err == nil {
		return to, nil
	}
	if strings.HasPrefix(strings.ToUpper(strings.TrimSpace(s)), "AGE-SECRET-KEY-") {
		return nil, errors.New("this is the private half of a sealing key: give the public one (age1...), and make a new key if this one was shown to anybody")
	}
	return nil, errors.New("this is not the public half of a sealing key (age1...)")
}

// Fingerprint is a short form of a recipient that two people can compare, one
// at the host and one at the controller: 128 bits, in groups of four digits.
func Fingerprint(recipient string) string {
	sum := sha256.Sum256([]byte(recipient))
	digits := hex.EncodeToString(sum[:16])
	var groups []string
	for i := 0; i < len(digits); i += 4 {
		groups = append(groups, digits[i:i+4])
	}
	return strings.Join(groups, "-")
}
