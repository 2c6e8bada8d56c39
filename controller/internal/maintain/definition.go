package maintain

import (
	"encoding/hex"

	"crypto/sha256"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/shared/job"
)

// definition is what a person compares. A sealed passphrase cannot be read, but
// that it is another one can be told.
func definition(r job.Repository) rest.Definition {
	d := rest.Definition{
		Name: r.Name, Path: r.Path, Encryption: r.Encryption, Compression: r.Compression,
		Sources: r.Sources, Excludes: r.ExcludePatterns,
	}
	if len(r.PassphraseSealed) > 0 {
		sum := sha256.Sum256(r.PassphraseSealed)
		d.PassphraseSealed = hex.EncodeToString(sum[:4])
	}
	return d
}
