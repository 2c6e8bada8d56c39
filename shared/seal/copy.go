package seal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"
)

// maxKey bounds a borg key; they have a kilobyte.
const maxKey = 16 << 10

// Copy is what opens a repository when its host is gone. It goes into a seal
// that says for which agent and location it is, so that whoever keeps many of
// them cannot pass one off as another.
type Copy struct {
	Agent      string    `json:"agent"`
	Location   string    `json:"location"` // see job.Location
	Path       string    `json:"path"`     // as borg takes it
	Encryption string    `json:"encryption"`
	BorgID     string    `json:"borg_id"`
	Passphrase []byte    `json:"passphrase,omitempty"` // nil: it is not in it
	Key        []byte    `json:"key,omitempty"`        // as borg key import takes it; nil: it is not in it
	At         time.Time `json:"at"`
}

// String keeps what is in a copy out of logs.
func (c Copy) String() string { return "copy for " + c.Agent + " " + c.Location }

// GoString keeps what is in a copy out of logs.
func (c Copy) GoString() string { return c.String() }

// copyPayload is what lies inside.
type copyPayload struct {
	Version int `json:"version"`
	Copy    `json:"copy"`
}

// SealCopy encrypts a copy to a recovery key.
func SealCopy(recipient string, c Copy) ([]byte, error) {
	const what = "seal to the recovery key"
	to, err := parseRecipient(recipient)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	for _, s := range []string{c.Agent, c.Location, c.Path, c.Encryption, c.BorgID} {
		if !utf8.ValidString(s) {
			return nil, fmt.Errorf("%s: what says what it is for must be UTF-8", what)
		}
	}
	switch {
	case c.Agent == "" || c.Location == "":
		return nil, fmt.Errorf("%s: agent and location must be named", what)
	case len(c.Passphrase) == 0 && len(c.Key) == 0:
		return nil, fmt.Errorf("%s: there is neither key nor passphrase", what)
	case len(c.Passphrase) > maxPassphrase || len(c.Key) > maxKey:
		return nil, fmt.Errorf("%s: a passphrase of %d bytes, a key of %d; at most %d and %d are taken", what, len(c.Passphrase), len(c.Key), maxPassphrase, maxKey)
	}
	clear, err := json.Marshal(copyPayload{Version: version, Copy: c})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	sealed, err := encrypt(clear, to)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return sealed, nil
}

// OpenCopy gives the copy that was sealed for this agent and this location, and
// a *Mismatch if it was for another.
func OpenCopy(key *Identity, agentID, location string, sealed []byte) (Copy, error) {
	const what = "open what was sealed to the recovery key"
	clear, err := decrypt(key, sealed)
	if err != nil {
		return Copy{}, fmt.Errorf("%s: %w", what, err)
	}
	var p copyPayload
	d := json.NewDecoder(bytes.NewReader(clear))
	d.DisallowUnknownFields()
	if d.Decode(&p) != nil { // the error could quote the content
		return Copy{}, errors.New(what + ": its content has an unknown form")
	}
	switch {
	case p.Version != version:
		return Copy{}, fmt.Errorf("%s: it has the form %d, and this program knows only %d: use a later one", what, p.Version, version)
	case p.Agent != agentID:
		return Copy{}, fmt.Errorf("%s: %w", what, &Mismatch{Field: "agent", Sealed: p.Agent, Used: agentID})
	case p.Location != location:
		return Copy{}, fmt.Errorf("%s: %w", what, &Mismatch{Field: "location", Sealed: p.Location, Used: location})
	}
	return p.Copy, nil
}
