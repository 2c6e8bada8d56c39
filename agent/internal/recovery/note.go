package recovery

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"borgfleet/agent/internal/memory"
	"borgfleet/agent/internal/policy"
	"borgfleet/shared/job"
)

// Again is how old what was sealed may be before a job seals it anew: a key
// whose passphrase was changed by hand shows in nothing that is cheap to look
// at.
const Again = 24 * time.Hour

// FromHost is Note.From of a passphrase that is the host's own.
const FromHost = "host"

// Note says what of a registration was sealed, and to which key. It holds no
// secret, and nothing that a passphrase could be guessed with.
type Note struct {
	Recipient string `json:"recipient"`
	// From is what the passphrase was opened from: a digest of the sealed one,
	// or that it is the host's own.
	From string `json:"from"`
	// Own: the host's own passphrase is in it.
	Own      bool      `json:"own"`
	BorgID   string    `json:"borg_id"`
	SealedAt time.Time `json:"sealed_at"`
}

// Wanted is what should have been sealed of a repository; false: nothing, since
// the owner has accepted no recovery key or the repository has no key.
func Wanted(conf policy.Config, repo job.Repository) (Note, bool) {
	recipient, ok := conf.Allow.SealTo()
	if !ok || repo.Encryption == "" || repo.Encryption == "none" {
		return Note{}, false
	}
	n := Note{Recipient: recipient, BorgID: repo.BorgID}
	entry, err := conf.RepositoryAt(repo.Path)
	if err != nil {
		return Note{}, false
	}
	if entry.HasPassphrase() {
		n.From, n.Own = FromHost, conf.Allow.RecoveryPassphrases
		return n, true
	}
	sum := sha256.Sum256(repo.PassphraseSealed)
	n.From = hex.EncodeToString(sum[:])
	return n, true
}

// Same says whether what was sealed is what is wanted. An id that is not known
// yet is no difference.
func (n Note) Same(wanted Note) bool {
	return n.Recipient == wanted.Recipient && n.From == wanted.From && n.Own == wanted.Own &&
		(wanted.BorgID == "" || n.BorgID == wanted.BorgID)
}

// Memory keeps one note for each registration. Losing one costs one more sealing.
type Memory struct{ Dir string }

// Noted is what was sealed last; false if nothing was.
func (m Memory) Noted(repository int64) (Note, bool) { return memory.Of[Note](m).Get(repository) }

// Note replaces it.
func (m Memory) Note(repository int64, n Note) error { return memory.Of[Note](m).Put(repository, n) }
