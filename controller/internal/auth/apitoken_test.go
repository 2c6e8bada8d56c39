package auth

import (
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"borgfleet/controller/internal/store"
)

func TestWhoMayMakeAPITokens(t *testing.T) {
	r := newRig(t)
	_, ann := r.login("ann", right)
	_, bob := r.login("bob", right)
	_, secret := r.apiToken("ann", Admin, 0)
	program, err := r.Verify(secret)
	must(t, err)
	local := Principal{User: "root@localhost", Role: Admin, Local: true}
	for _, c := range []struct {
		what string
		who  Principal
		ask  NewAPIToken
		code string // empty: it is made
		user string
		role Role
	}{
		{"the least by default", bob, NewAPIToken{}, "", "bob", Viewer},
		{"as much as one has", bob, NewAPIToken{Role: Operator}, "", "bob", Operator},
		{"more than one has", bob, NewAPIToken{Role: Admin}, "forbidden", "", ""},
		{"for oneself by name", bob, NewAPIToken{User: "bob"}, "", "bob", Viewer},
		{"for another", bob, NewAPIToken{User: "ann"}, "forbidden", "", ""},
		{"for nobody, not to be told", bob, NewAPIToken{User: "nobody"}, "forbidden", "", ""},
		{"an administrator for another", ann, NewAPIToken{User: "bob", Role: Operator}, "", "bob", Operator},
		{"more than the other has", ann, NewAPIToken{User: "bob", Role: Admin}, "invalid_request", "", ""},
		{"for a user that is not there", ann, NewAPIToken{User: "nobody"}, "invalid_request", "", ""},
		{"on the socket for nobody", local, NewAPIToken{}, "invalid_request", "", ""},
		{"on the socket", local, NewAPIToken{User: "ann", Role: Admin}, "", "ann", Admin},
		{"with an API token", program, NewAPIToken{}, "needs_login", "", ""},
	} {
		got, text, err := r.CreateAPIToken(t.Context(), c.who, c.ask)
		if c.code != "" {
			wantCode(t, c.what, err, c.code)
			continue
		}
		if err != nil || got.User != c.user || got.Role != c.role {
			t.Errorf("%s: %+v, %v", c.what, got, err)
		}
		if who, err := r.Verify(text); err != nil || who.User != c.user || who.Role != c.role || who.APIToken != got.ID {
			t.Errorf("%s: it is for %+v, %v", c.what, who, err)
		}
	}
}

func TestAPITokensHaveABound(t *testing.T) {
	r := newRig(t)
	_, bob := r.login("bob", right)
	for range mostAPITokens {
		_, _, err := r.CreateAPIToken(t.Context(), bob, NewAPIToken{})
		must(t, err)
	}
	_, _, err := r.CreateAPIToken(t.Context(), bob, NewAPIToken{})
	wantCode(t, "one more", err, "too_many_tokens")
	must(t, r.DeleteAPIToken(t.Context(), bob, r.APITokens(bob)[0].ID))
	if _, _, err := r.CreateAPIToken(t.Context(), bob, NewAPIToken{}); err != nil {
		t.Error(err)
	}
	must(t, r.DeleteAccount(t.Context(), "bob")) // all of them in one update
}

func TestEachSeesAndDeletesOwnAPITokens(t *testing.T) {
	r := newRig(t)
	_, ann := r.login("ann", right)
	_, bob := r.login("bob", right)
	anns, _ := r.apiToken("ann", Viewer, 0)
	bobs, secret := r.apiToken("bob", Operator, 0)
	second, _ := r.apiToken("bob", Viewer, 0)
	program, err := r.Verify(secret)
	must(t, err)
	if got := r.APITokens(bob); len(got) != 2 || got[0].User != "bob" || got[1].User != "bob" {
		t.Errorf("bob sees %+v", got)
	}
	if got := r.APITokens(ann); len(got) != 3 {
		t.Errorf("ann sees %+v", got)
	}
	ctx := t.Context()
	wantCode(t, "of another", r.DeleteAPIToken(ctx, bob, anns.ID), "token_not_found")
	wantCode(t, "of nobody", r.DeleteAPIToken(ctx, bob, "x"), "token_not_found")
	wantCode(t, "a token another", r.DeleteAPIToken(ctx, program, second.ID), "needs_login")
	must(t, r.DeleteAPIToken(ctx, ann, second.ID))
	must(t, r.DeleteAPIToken(ctx, program, bobs.ID)) // itself
	r.refused("the deleted one", secret)
}

func TestAPITokenExpires(t *testing.T) {
	r := newRig(t)
	_, secret := r.apiToken("bob", Viewer, time.Hour)
	r.restart()
	r.clock.Add(time.Hour - time.Nanosecond)
	if _, err := r.Verify(secret); err != nil {
		t.Errorf("before its end: %v", err)
	}
	r.clock.Add(time.Nanosecond)
	r.refused("at its end", secret)
}

// What is on the disk and in the log is of no use to who finds it.
func TestAPITokenSecretsAreKeptNowhere(t *testing.T) {
	r := newRig(t)
	token, secret := r.apiToken("bob", Viewer, 0)
	_, who := r.login("bob", right)
	_, _, err := r.ChangePassword(t.Context(), who, PasswordChange{Old: right, New: other})
	must(t, err)
	if _, err := r.Verify(secret); err != nil {
		t.Fatal(err)
	}
	r.refused("cut", secret[:len(secret)-3])
	parsed, ok := parseSecret(secret)
	if !ok {
		t.Fatal("the token cannot be read")
	}
	if s := fmt.Sprintf("%v %+v %#v %s", parsed, parsed, parsed, parsed); strings.TrimSpace(strings.ReplaceAll(s, "API token", "")) != "" {
		t.Errorf("a token is printed: %s", s)
	}
	must(t, r.keepUses(t.Context()))
	tail := secret[len(secretPrefix)+len(token.ID)+1:]
	sought := []string{tail, string(parsed.raw), hex.EncodeToString(parsed.raw), other}
	for range 2 { // as it is while it runs, and as a closed one leaves it
		idSeen := false
		err := filepath.WalkDir(r.dir, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := os.ReadFile(path)
			idSeen = idSeen || strings.Contains(string(data), token.ID)
			for _, s := range sought {
				if strings.Contains(string(data), s) {
					t.Errorf("%s holds a secret", path)
				}
			}
			return err
		})
		if err != nil || !idSeen {
			t.Errorf("the search finds not even the id, %v", err)
		}
		r.restart()
	}
	for _, s := range sought {
		if strings.Contains(r.log.String(), s) {
			t.Error("the log holds a secret")
		}
	}
}

// The last use is known at once, and written seldom: programs call often.
func TestLastUseIsWrittenSeldom(t *testing.T) {
	r := newRig(t)
	_, secret := r.apiToken("bob", Viewer, 0)
	ann := Principal{User: "ann", Role: Admin}
	last := func() time.Time { return r.APITokens(ann)[0].LastUsedAt }
	if !last().IsZero() {
		t.Error("used before it was")
	}
	before := r.store.Stats()
	for range 100 {
		r.clock.Add(time.Second)
		_, err := r.Verify(secret)
		must(t, err)
	}
	if got := r.store.Stats(); got != before {
		t.Errorf("uses were written at once: %+v, before %+v", got, before)
	}
	want := r.clock.Now()
	if !last().Equal(want) {
		t.Errorf("last use %v, want %v", last(), want)
	}
	// The controller stops: what is left is written.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r.Run(ctx)
	if got := r.store.Stats().Commits - before.Commits; got != 1 || len(r.used) != 0 {
		t.Errorf("%d commits, %d uses left in memory", got, len(r.used))
	}
	r.restart()
	if !last().Equal(want) {
		t.Errorf("after a restart %v, want %v", last(), want)
	}
	// A token that was deleted meanwhile does not come back.
	_, err := r.Verify(secret)
	must(t, err)
	must(t, r.DeleteAPIToken(t.Context(), ann, r.APITokens(ann)[0].ID))
	must(t, r.keepUses(t.Context()))
	if got := r.APITokens(ann); len(got) != 0 {
		t.Errorf("it is back: %+v", got)
	}
}

func TestUsesStayAfterAnError(t *testing.T) {
	r := newRig(t)
	_, secret := r.apiToken("bob", Viewer, 0)
	_, err := r.Verify(secret)
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.keepUses(ctx); err == nil || len(r.used) != 1 {
		t.Errorf("%d uses left, %v", len(r.used), err)
	}
	must(t, r.keepUses(t.Context()))
	var kept store.APIToken
	for _, kept = range r.store.APITokens() {
	}
	if !kept.LastUsedAt.Equal(start) {
		t.Errorf("kept %+v", kept)
	}
}

func FuzzParseSecret(f *testing.F) {
	good, err := newSecret(strings.NewReader(strings.Repeat("x", 100)))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good.text())
	f.Add("bft__")
	f.Add("bft_0000000000000000_")
	f.Fuzz(func(t *testing.T, s string) {
		if got, ok := parseSecret(s); ok && (got.text() != s || len(got.raw) != secretBytes) {
			t.Errorf("%q passes for an API token", s)
		}
	})
}

// What a token reaches outlives a restart, with the agent by its id: a name may
// be another's by then.
func TestScopeIsKept(t *testing.T) {
	r := newRig(t)
	must(t, r.store.Update(t.Context(), func(tx *store.Tx) error {
		return tx.PutAgent(store.Agent{ID: "a-1", Name: "web-1"})
	}))
	_, who := r.login("bob", right)
	_, text, err := r.CreateAPIToken(t.Context(), who, NewAPIToken{Name: "x", Scope: &store.Scope{Agents: []string{"web-1"}}})
	must(t, err)
	_, _, err = r.CreateAPIToken(t.Context(), who, NewAPIToken{Name: "x", Scope: &store.Scope{Repositories: []int64{7}}})
	wantCode(t, "a repository that is not there", err, "invalid_request")
	r.restart()
	who, err = r.Verify(text)
	if err != nil || !who.Scope.Covers(1, "a-1") || who.Scope.Covers(1, "web-1") || who.Scope.Covers(7, "") {
		t.Errorf("%+v, %v", who.Scope, err)
	}
	_, everything := r.apiToken("bob", Viewer, 0)
	if who, err := r.Verify(everything); err != nil || who.Scope != nil {
		t.Errorf("%+v, %v", who, err)
	}
}
