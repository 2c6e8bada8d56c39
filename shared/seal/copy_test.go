package seal

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func testCopy() Copy {
	return Copy{
		Agent: "web-1", Location: "ssh://bk@host/srv/<repo>&", Path: "ssh://bk@host/srv/<repo>&", Encryption: "keyfile-blake2",
		BorgID: strings.Repeat("0f", 32), Passphrase: []byte("correct horse\xff"), Key: []byte("BORG_KEY 0f\nabcd\n"),
		At: time.Date(2026, 11, 26, 3, 0, 0, 0, time.UTC),
	}
}

func TestCopyIsOpenedAsItWasSealed(t *testing.T) {
	id := newTestIdentity(t)
	want := testCopy()
	sealed, err := SealCopy(id.Recipient(), want)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed, want.Key) || bytes.Contains(sealed, want.Passphrase) {
		t.Error("a secret can be read in the seal")
	}
	got, err := OpenCopy(id, want.Agent, want.Location, sealed)
	if err != nil || !bytes.Equal(got.Passphrase, want.Passphrase) || !bytes.Equal(got.Key, want.Key) ||
		got.Path != want.Path || got.Encryption != want.Encryption || got.BorgID != want.BorgID || !got.At.Equal(want.At) {
		t.Errorf("another copy came out: %v", err)
	}
}

// TestCopiesAreNotExchanged: who keeps many of them cannot pass one off as
// another, nor a passphrase for an agent as one.
func TestCopiesAreNotExchanged(t *testing.T) {
	id := newTestIdentity(t)
	c := testCopy()
	sealed, err := SealCopy(id.Recipient(), c)
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range [][2]string{{"web-2", c.Location}, {c.Agent, "web-1:/srv/other"}, {"", ""}} {
		got, err := OpenCopy(id, other[0], other[1], sealed)
		if m := (*Mismatch)(nil); !errors.As(err, &m) || got.Passphrase != nil || got.Key != nil {
			t.Errorf("%v: %v", other, err)
		}
	}
	passphrase, err := Seal(id.Recipient(), c.Agent, c.Location, []byte("secret-word"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenCopy(id, c.Agent, c.Location, passphrase); err == nil || strings.Contains(err.Error(), "secret-word") {
		t.Errorf("a sealed passphrase opened as a copy: %v", err != nil)
	}
	if _, err := Open(id, c.Agent, c.Location, sealed); err == nil || strings.Contains(err.Error(), "correct horse") {
		t.Errorf("a copy opened as a sealed passphrase: %v", err != nil)
	}
	if _, err := OpenCopy(newTestIdentity(t), c.Agent, c.Location, sealed); err == nil || !strings.Contains(err.Error(), "another key") {
		t.Errorf("with another key: %v", err)
	}
	sealed[len(sealed)-1] ^= 1
	if _, err := OpenCopy(id, c.Agent, c.Location, sealed); err == nil {
		t.Error("a changed copy opened")
	}
}

func TestSealCopyRefuses(t *testing.T) {
	id := newTestIdentity(t)
	for name, change := range map[string]func(*Copy){
		"no agent":    func(c *Copy) { c.Agent = "" },
		"no location": func(c *Copy) { c.Location = "" },
		"nothing":     func(c *Copy) { c.Passphrase, c.Key = nil, nil },
		"a huge key":  func(c *Copy) { c.Key = make([]byte, maxKey+1) },
		"a huge word": func(c *Copy) { c.Passphrase = make([]byte, maxPassphrase+1) },
		"no text":     func(c *Copy) { c.Path = "\xff" },
	} {
		c := testCopy()
		change(&c)
		if _, err := SealCopy(id.Recipient(), c); err == nil {
			t.Errorf("%s: sealed", name)
		}
	}
	if _, err := SealCopy(id.Private(), testCopy()); err == nil || strings.Contains(err.Error(), "AGE-SECRET") {
		t.Errorf("to a private half: %v", err != nil)
	}
	c := testCopy()
	c.Passphrase, c.Key = make([]byte, maxPassphrase), make([]byte, maxKey)
	if sealed, err := SealCopy(id.Recipient(), c); err != nil || len(sealed) > MaxSealed {
		t.Errorf("the largest has %d bytes, more than the %d that are read: %v", len(sealed), MaxSealed, err)
	}
}

func TestCopyIsNotPrinted(t *testing.T) {
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(format, testCopy()); strings.Contains(text, "correct") || strings.Contains(text, "BORG_KEY") {
			t.Errorf("%s prints %s", format, text)
		}
	}
}

// TestSealForSeveral: the recovery key opens what is sealed for an agent, for
// the same use only.
func TestSealForSeveral(t *testing.T) {
	agent, recovery, other := newTestIdentity(t), newTestIdentity(t), newTestIdentity(t)
	sealed, err := Seal(agent.Recipient(), "web-1", "web-1:/srv/repo", []byte("secret-word"), recovery.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []*Identity{agent, recovery} {
		if got, err := Open(id, "web-1", "web-1:/srv/repo", sealed); err != nil || string(got) != "secret-word" {
			t.Errorf("%v", err)
		}
	}
	if _, err := Open(recovery, "web-2", "web-1:/srv/repo", sealed); err == nil {
		t.Error("opened for another agent")
	}
	if _, err := Open(other, "web-1", "web-1:/srv/repo", sealed); err == nil {
		t.Error("opened with a key that it is not sealed to")
	}
	if _, err := Seal(agent.Recipient(), "web-1", "web-1:/srv/repo", []byte("secret-word"), "none"); err == nil {
		t.Error("sealed to no key")
	}
}
