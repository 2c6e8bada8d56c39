package seal

import (
	"bytes"
	"strings"
	"testing"
)

// FuzzOpen: what comes sealed, of whoever could seal to this key, and what is
// not sealed at all. It is opened for the agent and the location alone that it
// names, and no error tells what is in it.
func FuzzOpen(f *testing.F) {
	key, err := NewIdentity()
	if err != nil {
		f.Fatal(err)
	}
	to, err := parseRecipient(key.Recipient())
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{
		`{"version":1,"agent":"a","location":"l","passphrase":"c2VjcmV0LXRleHQ="}`,
		`{"v":1,"agent":"a","location":"l","passphrase":"secret-text"}`, `{`, `null`, `[]`, `{"version":2}`,
	} {
		f.Add([]byte(s))
	}
	const secret = "secret-text"
	f.Fuzz(func(t *testing.T, data []byte) {
		sealed, err := encrypt(data, to)
		if err != nil {
			t.Fatal(err)
		}
		for _, in := range [][]byte{data, sealed} {
			if _, err := Open(key, "a", "l", in); err != nil && bytes.Contains(data, []byte(secret)) && strings.Contains(err.Error(), secret) {
				t.Errorf("the error tells what is sealed: %v", err)
			}
			if _, err := OpenCopy(key, "a", "l", in); err != nil && bytes.Contains(data, []byte(secret)) && strings.Contains(err.Error(), secret) {
				t.Errorf("the error tells what is sealed: %v", err)
			}
		}
		if _, err := Open(key, "a", "l", data); err == nil && !bytes.HasPrefix(data, []byte("age-encryption.org/")) {
			t.Errorf("%q is opened without a seal", data)
		}
	})
}

// FuzzRecipient: a key that people, or the other side, name to seal to.
func FuzzRecipient(f *testing.F) {
	key, err := NewIdentity()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(key.Recipient())
	f.Add("age1")
	f.Fuzz(func(t *testing.T, s string) {
		if CheckRecipient(s) != nil {
			return
		}
		r, err := parseRecipient(s)
		if err != nil || !strings.EqualFold(r.String(), s) {
			t.Errorf("%q is read as %v, %v", s, r, err)
		}
	})
}
