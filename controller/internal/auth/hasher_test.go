package auth

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestHash(t *testing.T) {
	ctx := context.Background()
	h := NewHasher(rand.Reader, 2)
	hash, err := h.Hash(ctx, "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("hash %.32s", hash)
	}
	other, err := h.Hash(ctx, "correct horse")
	if err != nil || other == hash {
		t.Errorf("two hashes of one password are the same, or %v", err)
	}
	for password, want := range map[string]bool{
		"correct horse": true, "correct hors": false, "correct horse ": false, "": false,
		strings.Repeat("x", maxPassword+1): false,
	} {
		if got, err := h.Verify(ctx, password, hash); got != want || err != nil {
			t.Errorf("password of %d bytes: %v, %v", len(password), got, err)
		}
	}
	for _, p := range []string{"", strings.Repeat("x", maxPassword+1)} {
		if _, err := h.Hash(ctx, p); err == nil {
			t.Errorf("a password of %d bytes was hashed", len(p))
		}
	}
	if _, err := NewHasher(bytes.NewReader(nil), 1).Hash(ctx, "x"); err == nil {
		t.Error("hashed without a salt")
	}
}

// A password that is too long is not hashed, and must not pass for the one that
// is hashed in its place.
func TestVerifyLongPassword(t *testing.T) {
	h := NewHasher(rand.Reader, 1)
	p := phc{memory: 64, time: 1, threads: 1, salt: []byte("somesalt")}
	var err error
	if p.key, err = h.key(context.Background(), "", p, 32); err != nil {
		t.Fatal(err)
	}
	if ok, err := h.Verify(context.Background(), strings.Repeat("x", maxPassword+1), p.String()); ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
}

// A hash that another program made is verified with its own parameters.
func TestVerifyKnownHash(t *testing.T) {
	// argon2id, m=64, t=1, p=1, of the reference implementation's test form.
	p := phc{memory: 64, time: 1, threads: 1, salt: []byte("somesalt")}
	h := NewHasher(rand.Reader, 1)
	key, err := h.key(context.Background(), "password", p, 24)
	if err != nil {
		t.Fatal(err)
	}
	p.key = key
	if ok, err := h.Verify(context.Background(), "password", p.String()); !ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
}

func TestVerifyRefusesHashes(t *testing.T) {
	h := NewHasher(rand.Reader, 1)
	const tail = "$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAA"
	for _, hash := range []string{
		"", "plain", "$argon2i$v=19$m=64,t=1,p=1" + tail, "$argon2id$v=18$m=64,t=1,p=1" + tail,
		"$argon2id$v=19$m=4194304,t=1,p=1" + tail, "$argon2id$v=19$m=64,t=1000,p=1" + tail, "$argon2id$v=19$m=64,t=0,p=1" + tail,
		"$argon2id$v=19$m=64,t=1,p=0" + tail, "$argon2id$v=19$m=64,t=1,p=300" + tail, "$argon2id$v=19$m=4,t=1,p=1" + tail,
		"$argon2id$v=19$m=64,t=1,p=1,x=1" + tail, "$argon2id$v=19$m=64,t=1,p=1$$", "$argon2id$v=19$m=64,t=1,p=1$c2FsdA$AAAA",
		"$argon2id$v=19$m=64,t=1,p=1" + tail + "$x", "$argon2id$v=19$m=+64,t=1,p=1" + tail,
	} {
		if ok, err := h.Verify(context.Background(), "", hash); ok || err == nil || len(hash) > 10 && strings.Contains(err.Error(), hash) {
			t.Errorf("%q: %v, %v", hash, ok, err)
		}
	}
	if _, err := h.Verify(context.Background(), "", "$argon2id$v=19$m=64,t=1,p=1"+tail); err != nil {
		t.Errorf("the good one among them: %v", err)
	}
}

func TestHasherWorksOnFewAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHasher(rand.Reader, 1)
		h.slots <- struct{}{} // somebody is at it
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := h.Hash(ctx, "x"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a second one was let in, or %v", err)
		}
		<-h.slots
		if _, err := h.Hash(t.Context(), "x"); err != nil {
			t.Errorf("the slot was not given back: %v", err)
		}
		if len(h.slots) != 0 {
			t.Error("a slot is kept")
		}
	})
}

// Between two strangers there is a rest: a flood of them takes a part of one
// processor, and no more.
func TestStrangersRest(t *testing.T) {
	h := NewHasher(rand.Reader, 2)
	hash, err := h.Hash(t.Context(), right)
	must(t, err)
	begun := time.Now()
	if ok, err := h.VerifyStranger(t.Context(), right, hash); !ok || err != nil {
		t.Fatal(ok, err)
	}
	work := time.Since(begun)
	if ok, err := h.VerifyStranger(t.Context(), "wrong", hash); ok || err != nil {
		t.Fatal(ok, err)
	}
	if took := time.Since(begun); took < work+strangersPause*work/2 {
		t.Errorf("two took %v, the first alone %v", took, work)
	}
}
