package auth

import (
	"strings"
	"testing"
	"time"
)

func TestCheckPassword(t *testing.T) {
	for password, good := range map[string]bool{
		"twelve chars": true, "zwölf Zeiche": true, "eleven char": false, "": false, "ÄÖÜäöü": false,
		"first line\nsecond": false, "with a\rreturn": false, "with a \x00 in it": false,
		strings.Repeat("x", 1024): true, strings.Repeat("x", 1025): false,
	} {
		if err := CheckPassword(password); (err == nil) != good {
			t.Errorf("%.20q: %v", password, err)
		}
	}
}

func TestChangePasswordEndsOtherLogins(t *testing.T) {
	r := newRig(t)
	before, who := r.login("bob", right)
	_, secret := r.apiToken("bob", Viewer, 0)
	foreign, _ := r.login("ann", right)
	token, life, err := r.ChangePassword(t.Context(), who, PasswordChange{Old: right, New: other, From: addr(1)})
	if err != nil || life != TokenLife {
		t.Fatal(life, err)
	}
	// No time has passed between them: the clock of this test stands.
	r.refused("the login before", before)
	for what, good := range map[string]string{"the new login": token, "an API token": secret, "another user": foreign} {
		if _, err := r.Verify(good); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, _, err = r.Login(t.Context(), "bob", right, addr(1))
	wantCode(t, "the old password", err, "wrong_credentials")
	r.login("bob", other)
	r.restart()
	r.refused("the login before, after a restart", before)
}

// Also when the clock was set back since the last change.
func TestPasswordOfAnotherEndsLogins(t *testing.T) {
	r := newRig(t)
	for range 3 {
		if _, err := r.ChangeAccount(t.Context(), "bob", AccountChange{Password: other}); err != nil {
			t.Fatal(err)
		}
		token, _ := r.login("bob", other)
		r.clock.Add(-time.Second) // tokens bear that much
		if _, err := r.ChangeAccount(t.Context(), "bob", AccountChange{Password: other}); err != nil {
			t.Fatal(err)
		}
		r.refused("a login before", token)
	}
}

// A password that was checked before it was changed opens nothing afterwards,
// however late its token is made.
func TestLoginThatIsOvertaken(t *testing.T) {
	r := newRig(t)
	user, err := r.check(t.Context(), "bob", right, addr(1))
	must(t, err)
	if _, err := r.ChangeAccount(t.Context(), "bob", AccountChange{Password: other}); err != nil {
		t.Fatal(err)
	}
	r.clock.Add(time.Minute)
	token, _, err := r.opt.Tokens.Issue(user)
	must(t, err)
	r.refused("a login with the old password", token)
}

func TestChangePasswordIsNoWayToGuess(t *testing.T) {
	r := newRig(t)
	token, who := r.login("bob", right)
	for range addressFailures {
		_, _, err := r.ChangePassword(t.Context(), who, PasswordChange{Old: "wrong", New: other, From: addr(1)})
		wantCode(t, "a wrong password", err, "wrong_password")
	}
	_, _, err := r.ChangePassword(t.Context(), who, PasswordChange{Old: right, New: other, From: addr(1)})
	wantCode(t, "after too many", err, "too_many_logins")
	if _, err := r.Verify(token); err != nil {
		t.Errorf("the login was ended: %v", err)
	}
}

func TestWhatNeedsALogin(t *testing.T) {
	r := newRig(t)
	_, secret := r.apiToken("bob", Viewer, 0)
	program, err := r.Verify(secret)
	must(t, err)
	for _, who := range []Principal{program, {User: "root@localhost", Role: Admin, Local: true}} {
		wantCode(t, "logout", r.Logout(t.Context(), who), "no_login")
		_, _, err := r.ChangePassword(t.Context(), who, PasswordChange{Old: right, New: other})
		wantCode(t, "password", err, "no_login")
	}
	if err := r.Logout(t.Context(), program); err == nil || !strings.Contains(err.Error(), "/api/tokens/"+program.APIToken) {
		t.Errorf("it does not say what to do: %v", err)
	}
}
