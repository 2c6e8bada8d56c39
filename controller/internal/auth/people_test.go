package auth

import (
	"context"
	"sync"
	"testing"
	"time"

	"borgfleet/controller/internal/store"
)

func TestLogoutEndsOneLogin(t *testing.T) {
	r := newRig(t)
	gone, who := r.login("ann", right)
	stays, _ := r.login("ann", right)
	must(t, r.Logout(t.Context(), who))
	for _, when := range []string{"now", "after a restart"} {
		r.refused("the ended login "+when, gone)
		if _, err := r.Verify(stays); err != nil {
			t.Errorf("another login %s: %v", when, err)
		}
		r.restart()
	}
	r.clock.Add(TokenLife + leeway - time.Second) // good to here, but for the logout
	r.refused("the ended login at its end", gone)
}

func TestDeletedUserIsRefusedAtOnce(t *testing.T) {
	r := newRig(t)
	token, _ := r.login("bob", right)
	api, secret := r.apiToken("bob", Operator, 0)
	must(t, r.DeleteAccount(t.Context(), "bob"))
	r.refused("login", token)
	r.refused("API token", secret)
	// Nor does another of this name get what was bob's.
	r.clock.Add(time.Second)
	if _, err := r.CreateAccount(t.Context(), NewAccount{Name: "bob", Password: other, Role: Admin}); err != nil {
		t.Fatal(err)
	}
	r.refused("login of the first bob", token)
	r.refused("API token of the first bob", secret)
	if _, there := r.store.APIToken(api.ID); there {
		t.Error("the API token is still stored")
	}
	wantCode(t, "delete nobody", r.DeleteAccount(t.Context(), "nobody"), "user_not_found")
}

// A role counts from the next call on, and an API token never has more than its
// user.
func TestRoleIsTodays(t *testing.T) {
	r := newRig(t)
	token, _ := r.login("bob", right)
	_, secret := r.apiToken("bob", Operator, 0)
	for _, step := range []struct{ now, login, api Role }{{Admin, Admin, Operator}, {Viewer, Viewer, Viewer}, {Operator, Operator, Operator}} {
		if _, err := r.ChangeAccount(t.Context(), "bob", AccountChange{Role: step.now}); err != nil {
			t.Fatal(err)
		}
		if who, err := r.Verify(token); err != nil || who.Role != step.login {
			t.Errorf("login of a user who is now %s: %s, %v", step.now, who.Role, err)
		}
		if who, err := r.Verify(secret); err != nil || who.Role != step.api {
			t.Errorf("API token of a user who is now %s: %s, %v", step.now, who.Role, err)
		}
	}
}

func TestLastAdminStays(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	_, err := r.ChangeAccount(ctx, "ann", AccountChange{Role: Operator})
	wantCode(t, "demote", err, "last_admin")
	wantCode(t, "delete", r.DeleteAccount(ctx, "ann"), "last_admin")
	if a, err := r.ChangeAccount(ctx, "ann", AccountChange{Role: Admin, Password: other}); err != nil || a.Role != Admin {
		t.Errorf("a new password for the last administrator: %+v, %v", a, err)
	}
}

// Each of two administrators takes the other's place away, at the same time: the
// check is in the update, so one of them finds itself the last.
func TestTwoAdminsDemoteEachOther(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	for round := range 20 {
		for _, name := range []string{"ann", "bob"} {
			r.put(store.User{Name: name, PasswordHash: cheapHash(t), Role: string(Admin)})
		}
		var wg sync.WaitGroup
		errs := make([]error, 2)
		wg.Go(func() { _, errs[0] = r.ChangeAccount(ctx, "bob", AccountChange{Role: Viewer}) })
		wg.Go(func() {
			if round%2 == 0 {
				_, errs[1] = r.ChangeAccount(ctx, "ann", AccountChange{Role: Viewer})
			} else {
				errs[1] = r.DeleteAccount(ctx, "ann")
			}
		})
		wg.Wait()
		admins := 0
		for _, a := range r.Accounts() {
			if a.Role == Admin {
				admins++
			}
		}
		if admins != 1 || (errs[0] == nil) == (errs[1] == nil) {
			t.Fatalf("round %d: %d administrators, %v, %v", round, admins, errs[0], errs[1])
		}
	}
}

// Every token that is not good has the same answer, whether its user exists or
// not.
func TestRefusalsAreAlike(t *testing.T) {
	r := newRig(t)
	_, good := r.apiToken("bob", Viewer, 0)
	short, dying := r.apiToken("bob", Viewer, time.Minute)
	stranger := NewTokens(Key{9}, "fleet-1", r.clock.Now, r.opt.Rand)
	forged, _, err := stranger.Issue(User{Name: "ann"})
	must(t, err)
	nobody, _, err := r.opt.Tokens.Issue(User{Name: "nobody"})
	must(t, err)
	r.clock.Add(time.Minute)
	bad := map[string]string{
		"nothing": "", "words": "x", "forged": forged, "of nobody": nobody, "expired": dying,
		"another secret": secretPrefix + short.ID + good[len(secretPrefix)+len(short.ID):],
		"unknown id":     secretPrefix + "0000000000000000" + good[len(secretPrefix)+len(short.ID):],
		"cut":            good[:len(good)-1], "longer": good + "A", "bare": secretPrefix, "no secret": secretPrefix + short.ID + "_",
	}
	for what, token := range bad {
		r.refused(what, token)
	}
	if _, err := r.Verify(good); err != nil {
		t.Errorf("the good one: %v", err)
	}
	for _, name := range []string{"ann", "nobody"} {
		_, _, err := r.Login(context.Background(), name, "wrong", addr(7))
		wantCode(t, name, err, "wrong_credentials")
	}
}
