package jobproc

import (
	"bytes"
	"strings"
)

// secret is a passphrase. The zero secret is none.
type secret struct{ b []byte }

// minMasked is the shortest secret that is masked. Taking every "ab" out of a
// log would make it unreadable and protect nothing that is worth it.
const minMasked = 4

// copy is for borg, whose package overwrites what it was given.
func (s secret) copy() []byte { return bytes.Clone(s.b) }

// mask takes the secret out of a text.
func (s secret) mask(text string) string {
	word := strings.TrimRight(string(s.b), "\r\n")
	if len(word) < minMasked || !strings.Contains(text, word) {
		return text
	}
	return strings.ReplaceAll(text, word, "***")
}

// String keeps the secret out of logs.
func (secret) String() string { return "***" }

// GoString does the same for %#v.
func (secret) GoString() string { return "***" }
