package seal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"filippo.io/age"
)

// MaxSealed bounds a seal of any kind.
const MaxSealed = 64 << 10

const (
	version       = 1
	maxPassphrase = 4 << 10
	padTo         = 256
)

// payload is what lies inside a seal.
type payload struct {
	Version    int    `json:"version"`
	Agent      string `json:"agent"`
	Location   string `json:"location"`
	Passphrase []byte `json:"passphrase"`
}

// Mismatch says that a seal is for another use than the one it was opened for.
type Mismatch struct {
	Field  string // agent or location
	Sealed string
	Used   string
}

func (m *Mismatch) Error() string {
	return fmt.Sprintf("it was sealed for the %s %q and is not used for the %s %q", m.Field, m.Sealed, m.Field, m.Used)
}

// Seal encrypts a passphrase to recipient, for one agent and one location (see
// job.Location). also are further keys that open the same seal, such as the
// fleet's recovery key.
func Seal(recipient, agentID, location string, passphrase []byte, also ...string) ([]byte, error) {
	var to []age.Recipient
	for _, r := range append([]string{recipient}, also...) {
		parsed, err := parseRecipient(r)
		if err != nil {
			return nil, fmt.Errorf("seal passphrase: %w", err)
		}
		to = append(to, parsed)
	}
	switch {
	case agentID == "" || location == "":
		return nil, errors.New("seal passphrase: agent and location must be named")
	case !utf8.ValidString(agentID) || !utf8.ValidString(location):
		// JSON would change it, and the seal could never be opened.
		return nil, errors.New("seal passphrase: agent and location must be UTF-8")
	case len(passphrase) == 0:
		return nil, errors.New("seal passphrase: it is empty")
	case len(passphrase) > maxPassphrase:
		return nil, fmt.Errorf("seal passphrase: it has %d bytes, and at most %d are taken", len(passphrase), maxPassphrase)
	}
	clear, err := json.Marshal(payload{Version: version, Agent: agentID, Location: location, Passphrase: passphrase})
	if err != nil {
		return nil, fmt.Errorf("seal passphrase: %w", err)
	}
	sealed, err := encrypt(clear, to...)
	if err != nil {
		return nil, fmt.Errorf("seal passphrase: %w", err)
	}
	return sealed, nil
}

// encrypt pads what it is given: else the length of the seal would tell that of
// the passphrase.
func encrypt(clear []byte, to ...age.Recipient) ([]byte, error) {
	clear = append(clear, bytes.Repeat([]byte{' '}, (padTo-len(clear)%padTo)%padTo)...)
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, to...)
	if err == nil {
		_, err = w.Write(clear)
	}
	if err == nil {
		err = w.Close()
	}
	return sealed.Bytes(), err
}

func decrypt(identity *Identity, sealed []byte) ([]byte, error) {
	if len(sealed) > MaxSealed {
		return nil, fmt.Errorf("%d bytes, and at most %d are read", len(sealed), MaxSealed)
	}
	r, err := age.Decrypt(bytes.NewReader(sealed), identity.key)
	if none := (*age.NoIdentityMatchError)(nil); errors.As(err, &none) {
		return nil, fmt.Errorf("it is sealed to another key than this one (fingerprint %s)", identity.Fingerprint())
	}
	if err != nil { // age's own error quotes what it could not read: it may be a secret that nobody sealed
		return nil, errors.New("it is no seal, or a damaged one")
	}
	return io.ReadAll(io.LimitReader(r, MaxSealed))
}

// Open gives the passphrase of a seal that was made for this agent and this
// location, and a *Mismatch if it was made for another.
func Open(identity *Identity, agentID, location string, sealed []byte) ([]byte, error) {
	clear, err := decrypt(identity, sealed)
	if err != nil {
		return nil, damaged(err)
	}
	var p payload
	d := json.NewDecoder(bytes.NewReader(clear))
	d.DisallowUnknownFields()
	if d.Decode(&p) != nil { // the error could quote the content
		return nil, damaged(errors.New("its content has an unknown form"))
	}
	switch {
	case p.Version != version:
		return nil, fmt.Errorf("open sealed passphrase: it has the form %d, and this agent knows only %d: upgrade the agent", p.Version, version)
	case p.Agent != agentID:
		return nil, damaged(&Mismatch{Field: "agent", Sealed: p.Agent, Used: agentID})
	case p.Location != location:
		return nil, damaged(&Mismatch{Field: "location", Sealed: p.Location, Used: location})
	case len(p.Passphrase) == 0:
		return nil, damaged(errors.New("it holds none"))
	}
	return p.Passphrase, nil
}

func damaged(err error) error {
	return fmt.Errorf("open sealed passphrase: %w: set the repository's passphrase again", err)
}
