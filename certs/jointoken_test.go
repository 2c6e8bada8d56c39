package certs

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"strings"
	"testing"
)

var testPin = strings.Repeat("ab", 32)

func newTestToken(t testing.TB) string {
	t.Helper()
	token, _, err := NewJoinToken("https://backup.example.org:5443", testPin, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestJoinToken(t *testing.T) {
	token, hash, err := NewJoinToken("https://backup.example.org:5443/", testPin, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, given := range []string{token, " " + token + "\n", token[:40] + "\r\n  " + token[40:]} {
		got, err := ParseJoinToken(given)
		if err != nil {
			t.Fatal(err)
		}
		if got.URL != "https://backup.example.org:5443" || got.Fingerprint != testPin {
			t.Errorf("URL %q, fingerprint %q", got.URL, got.Fingerprint)
		}
		if !bytes.Equal(HashSecret(got.Secret), hash) {
			t.Error("the hash is not of the secret in the token")
		}
		if len(got.Secret)*8 < 128 {
			t.Errorf("the secret has %d bits", len(got.Secret)*8)
		}
	}
	if bytes.Contains([]byte(token), hash) {
		t.Error("the token holds its hash")
	}
	if first, second := newTestToken(t), newTestToken(t); first == second {
		t.Error("two tokens are the same")
	}
}

func TestJoinTokenIsNotPrinted(t *testing.T) {
	token, err := ParseJoinToken(newTestToken(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if s := fmt.Sprintf(format, token); !strings.Contains(s, "join token for https") || len(s) > 80 {
			t.Errorf("%s prints more than the address", format)
		}
	}
}

// Every single slip of a person is seen before anything is sent.
func TestJoinTokenSlips(t *testing.T) {
	token := newTestToken(t)
	check := func(what, s string) {
		t.Helper()
		_, err := ParseJoinToken(s)
		if err == nil {
			t.Errorf("%s: accepted", what)
			return
		}
		if !strings.Contains(err.Error(), "join token") || !strings.Contains(err.Error(), "join-token create") && !strings.Contains(err.Error(), "upgrade") {
			t.Errorf("%s: %q does not say what to do", what, err)
		}
		if len(s) > 20 && strings.Contains(err.Error(), s[10:20]) {
			t.Errorf("%s: the error quotes the token", what)
		}
	}
	for i := range token {
		check(fmt.Sprintf("cut to %d", i), token[:i])
		check(fmt.Sprintf("without character %d", i), token[:i]+token[i+1:])
		other := byte('x')
		if token[i] == other {
			other = 'y'
		}
		check(fmt.Sprintf("character %d mistyped", i), token[:i]+string(other)+token[i+1:])
	}
	check("doubled", token+token)
	check("one character more", token+"A")
	check("another form", "bf2"+token[3:])
	check("something else", "eyJhbGciOiJIUzI1NiJ9.e30.xxxx")
}

// These have a good checksum, so only their content can give them away.
func TestJoinTokenContent(t *testing.T) {
	whole := func(encoded string) string { return "bf1." + encoded + "." + checksum("bf1."+encoded) }
	payload := func(u string) string {
		return encoding().EncodeToString([]byte(strings.Repeat("x", 32+secretBytes) + u))
	}
	good := payload("https://h:12")
	if len(good)%4 == 0 {
		t.Fatal("the good one must end in bits that mean nothing")
	}
	if _, err := ParseJoinToken(whole(good)); err != nil {
		t.Fatal(err)
	}
	for name, encoded := range map[string]string{
		"another last bit":   good[:len(good)-1] + string(good[len(good)-1]+1),
		"not base 64":        "***",
		"too short":          encoding().EncodeToString(make([]byte, 40)),
		"no URL":             payload(""),
		"plain HTTP":         payload("http://h:1"),
		"a slash at its end": payload("https://h:1/"),
	} {
		if _, err := ParseJoinToken(whole(encoded)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestNewJoinTokenRefuses(t *testing.T) {
	for _, u := range []string{"", "http://h:1", "h:5443", "https://", "https://u:p@h", "https://h/path", "https://h?q", "https://h/?", "https://h#f", "https://" + strings.Repeat("h", 600), "https://h:x"} {
		if _, _, err := NewJoinToken(u, testPin, rand.Reader); err == nil {
			t.Errorf("made for %q", u)
		}
	}
	if _, _, err := NewJoinToken("https://h", "abcd", rand.Reader); err == nil {
		t.Error("made with half a fingerprint")
	}
	if _, _, err := NewJoinToken("https://h", testPin, bytes.NewReader(make([]byte, 8))); err == nil {
		t.Error("made with half a secret")
	}
}

func FuzzParseJoinToken(f *testing.F) {
	f.Add(newTestToken(f))
	f.Add("bf1..")
	f.Add("bf2.AAAA.BBBB")
	body := "bf1." + encoding().EncodeToString([]byte(strings.Repeat("x", 52)+"https://h:1"))
	f.Add(body + "." + checksum(body))
	f.Fuzz(func(t *testing.T, s string) {
		for _, s := range []string{s, s + "." + checksum(s), "bf1." + encoding().EncodeToString([]byte(s)) + "." + checksum("bf1."+encoding().EncodeToString([]byte(s)))} {
			got, err := ParseJoinToken(s)
			if err != nil {
				continue
			}
			// What is read can be written, and gives the same token.
			again, _, err := NewJoinToken(got.URL, got.Fingerprint, bytes.NewReader(got.Secret))
			if err != nil || again != strings.Join(strings.Fields(s), "") {
				t.Errorf("token %q is read as that for %q, %v", s, got.URL, err)
			}
		}
	})
}
