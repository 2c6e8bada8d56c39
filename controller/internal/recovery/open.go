package recovery

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"borgfleet/shared/job"
	"borgfleet/shared/seal"
)

// Held is what a controller, or a backup of one, has of a repository.
type Held struct {
	ID               int64
	Name             string
	Path             string // as borg takes it
	AgentID          string
	Agent            string // its name
	Encryption       string
	BorgID           string
	PassphraseSealed []byte // as it was given to the controller
	Copies           []job.Recovery
}

// Opened is what the recovery key gives. It holds secrets.
type Opened struct {
	Passphrase []byte // nil: it was nowhere
	Key        []byte // as borg key import takes it; nil: it was nowhere
	Copy       job.Recovery
	Notes      []string // what a person should know of how it was found
}

// String keeps what was opened out of logs.
func (Opened) String() string { return "what the recovery key has opened" }

// GoString keeps what was opened out of logs.
func (o Opened) GoString() string { return o.String() }

// Open opens what is held with the recovery key alone: the newest copy that it
// opens, or with first the oldest. What is sealed for another agent or location
// is left aside: whoever keeps the copies could have exchanged them.
func Open(key *seal.Identity, h Held, first bool) (Opened, error) {
	var o Opened
	location := job.Location(h.Path, h.AgentID)
	copies := slices.Clone(h.Copies)
	if !first {
		slices.SortStableFunc(copies, func(a, b job.Recovery) int { return b.SealedAt.Compare(a.SealedAt) })
	}
	others := map[string]bool{}
	for _, c := range copies {
		if c.Recipient != key.Recipient() {
			others[seal.Fingerprint(c.Recipient)] = true
			continue
		}
		opened, err := seal.OpenCopy(key, h.AgentID, location, c.Sealed)
		if err == nil && h.BorgID != "" && opened.BorgID != "" && opened.BorgID != h.BorgID {
			err = fmt.Errorf("it is of the borg repository %s, which is not the one that is registered", opened.BorgID)
		}
		if err != nil {
			o.Notes = append(o.Notes, fmt.Sprintf("a copy of %s was left aside: %v", c.SealedAt.UTC().Format("2006-01-02 15:04:05Z"), err))
			continue
		}
		o.Passphrase, o.Key, o.Copy = opened.Passphrase, opened.Key, c
		break
	}
	if o.Passphrase == nil && len(h.PassphraseSealed) > 0 {
		pass, err := seal.Open(key, h.AgentID, location, h.PassphraseSealed)
		if err != nil {
			o.Notes = append(o.Notes, fmt.Sprintf("the passphrase that was given to the controller: %v", err))
		} else {
			o.Passphrase = pass
		}
	}
	if o.Passphrase == nil && o.Key == nil {
		return Opened{}, nothing(key, h, o.Notes, others)
	}
	return o, nil
}

// nothing says why nothing was opened, and with which key something would be.
func nothing(key *seal.Identity, h Held, notes []string, others map[string]bool) error {
	text := fmt.Sprintf("this recovery key (fingerprint %s) opens nothing of the repository %s", key.Fingerprint(), h.Name)
	if len(others) > 0 {
		var all []string
		for f := range others {
			all = append(all, f)
		}
		slices.Sort(all)
		text += "; it is sealed to " + strings.Join(all, ", ")
	}
	return errors.New(strings.Join(append([]string{text}, notes...), "; "))
}
