package certs

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
)

// A join token is bf1.<payload>.<checksum>: the payload is the root's
// fingerprint, a secret and the controller's URL, the checksum tells a mistyped
// or cut token from one that the controller does not know.
const (
	tokenVersion  = "bf1"
	secretBytes   = 20
	checksumBytes = 6
	maxTokenURL   = 512
)

// JoinToken is what a join token says.
type JoinToken struct {
	URL         string // of the controller's agent listener
	Fingerprint string // of the fleet's root, see Fingerprint
	Secret      []byte
}

// NewJoinToken makes a token for the controller that agents reach at rawURL.
// hash is what the controller keeps: the token cannot be had back from it.
func NewJoinToken(rawURL, fingerprint string, rand io.Reader) (token string, hash []byte, err error) {
	if rawURL, err = checkControllerURL(rawURL); err != nil {
		return "", nil, fmt.Errorf("make join token: %w", err)
	}
	pin, err := hex.DecodeString(fingerprint)
	if err != nil || len(pin) != sha256.Size {
		return "", nil, fmt.Errorf("make join token: %q is not a fingerprint", fingerprint)
	}
	secret := make([]byte, secretBytes)
	if _, err := io.ReadFull(rand, secret); err != nil {
		return "", nil, fmt.Errorf("make join token: %w", err)
	}
	payload := append(append(pin, secret...), rawURL...)
	body := tokenVersion + "." + encoding().EncodeToString(payload)
	return body + "." + checksum(body), HashSecret(secret), nil
}

// ParseJoinToken reads a token as a person gives it: white space is dropped,
// since terminals and mail break long lines. Errors never quote the token.
func ParseJoinToken(s string) (JoinToken, error) {
	s = strings.Join(strings.Fields(s), "")
	if s == "" {
		return JoinToken{}, badToken("it is empty")
	}
	version, rest, _ := strings.Cut(s, ".")
	if newer, ok := strings.CutPrefix(version, "bf"); ok && version != tokenVersion && onlyDigits(newer) {
		return JoinToken{}, fmt.Errorf("this join token has the form %s, and this agent knows only %s: upgrade the agent to the controller's version", version, tokenVersion)
	}
	if version != tokenVersion {
		return JoinToken{}, badToken("it does not begin with " + tokenVersion + ".")
	}
	encoded, sum, ok := strings.Cut(rest, ".")
	if !ok {
		return JoinToken{}, badToken("its end is missing; copy it whole")
	}
	if want := checksum(tokenVersion + "." + encoded); subtle.ConstantTimeCompare([]byte(sum), []byte(want)) != 1 {
		return JoinToken{}, badToken("its checksum is wrong, so it was cut or mistyped; copy it again")
	}
	payload, err := encoding().DecodeString(encoded)
	if err != nil || len(payload) < sha256.Size+secretBytes {
		return JoinToken{}, badToken("its content cannot be read")
	}
	raw := string(payload[sha256.Size+secretBytes:])
	clean, err := checkControllerURL(raw)
	if err != nil || clean != raw {
		return JoinToken{}, badToken("it holds no usable address of a controller")
	}
	return JoinToken{
		URL:         raw,
		Fingerprint: hex.EncodeToString(payload[:sha256.Size]),
		Secret:      payload[sha256.Size : sha256.Size+secretBytes],
	}, nil
}

// HashSecret is what the controller keeps of a token's secret. The secret is
// random and long, so a plain hash gives nothing away.
func HashSecret(secret []byte) []byte {
	sum := sha256.Sum256(secret)
	return sum[:]
}

// String keeps the secret out of logs.
func (t JoinToken) String() string { return "join token for " + t.URL }

// GoString keeps the secret out of logs.
func (t JoinToken) GoString() string { return t.String() }

func badToken(why string) error {
	return errors.New("this is not a join token: " + why + "; or make a new one with borgfleet-controller join-token create")
}

func checksum(body string) string {
	sum := sha256.Sum256([]byte(body))
	return encoding().EncodeToString(sum[:checksumBytes])
}

// encoding is strict: a token has one form, so its hash and its checksum mean
// the same token everywhere.
func encoding() *base64.Encoding { return base64.RawURLEncoding.Strict() }

func onlyDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// checkControllerURL gives the URL as it is stored: without a trailing slash.
func checkControllerURL(raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil || len(raw) > maxTokenURL {
		return "", errors.New("the controller's URL for agents cannot be read")
	}
	if u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Opaque != "" ||
		strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return "", fmt.Errorf("%q cannot be the controller's URL for agents: give https://HOST:PORT", raw)
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host}).String(), nil
}
