package backup

import (
	"errors"
	"fmt"
	"strings"

	"filippo.io/age"
)

// Recipient is who can open the authority in a backup: whoever has the key of
// an age recipient, or knows a passphrase. Without both it is nil.
func Recipient(recipient, passphrase string) (age.Recipient, error) {
	switch {
	case recipient != "" && passphrase != "":
		return nil, errors.New("a backup is encrypted to a recipient or with a passphrase, not both")
	case passphrase != "":
		return age.NewScryptRecipient(passphrase)
	case recipient == "":
		return nil, nil
	}
	to, err := age.ParseX25519Recipient(strings.TrimSpace(recipient))
	if err != nil {
		return nil, fmt.Errorf("%q is no age recipient (age1…; age-keygen makes one): %w", recipient, err)
	}
	return to, nil
}

// Identities reads the keys of an age key file.
func Identities(file string) (age.Identity, error) {
	all, err := age.ParseIdentities(strings.NewReader(file))
	if err != nil {
		return nil, fmt.Errorf("this is no age key file (AGE-SECRET-KEY-1…): %w", err)
	}
	return identities(all), nil
}

// identities are several keys, one of which fits.
type identities []age.Identity

func (ids identities) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	for _, id := range ids {
		key, err := id.Unwrap(stanzas)
		if err == nil || !errors.Is(err, age.ErrIncorrectIdentity) {
			return key, err
		}
	}
	return nil, age.ErrIncorrectIdentity
}
