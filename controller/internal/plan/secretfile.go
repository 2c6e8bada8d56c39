package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"borgfleet/shared/definitions"
)

// secretFile is a file for a secret, below a folder for what it is of. It follows from
// that one's name alone: were it to hang on what else is there, a later export could
// name for one thing the file that holds another one's secret.
func secretFile(folder, of, what string) *definitions.Secret {
	return &definitions.Secret{File: folder + "/" + fileName(of) + "/" + fileName(what)}
}

// hashed is how many bytes of a hash tell names apart: so many that nobody finds a name
// with the hash of another one.
const hashed = 8

// fileName keeps what means nothing to a shell, a path or this file. A name of which
// that is not all has a hash of it at its end, and so has one that ends as if it had
// one: no two names have the same file.
func fileName(s string) string {
	out := strings.Map(func(r rune) rune {
		if strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", r) {
			return r
		}
		return '_'
	}, s)
	if strings.HasPrefix(out, ".") {
		out = "_" + out[1:]
	}
	if out == s && !endsHashed(s) {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	return out + "-" + hex.EncodeToString(sum[:hashed])
}

// endsHashed says whether a name ends as those do that have a hash.
func endsHashed(s string) bool {
	at := len(s) - 2*hashed - 1
	return at >= 0 && s[at] == '-' && strings.Trim(s[at+1:], "0123456789abcdef") == ""
}
