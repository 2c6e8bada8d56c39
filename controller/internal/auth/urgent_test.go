package auth

import (
	"context"
	"testing"

	"golang.org/x/sys/unix"

	"borgfleet/controller/internal/store"
)

// TestAuthorityIsTakenAwayOnANearlyFullDisk: whoever fills the disk must not keep
// a stolen login, token or account good by that.
func TestAuthorityIsTakenAwayOnANearlyFullDisk(t *testing.T) {
	r := newRig(t)
	r.put(store.User{Name: "eve", PasswordHash: cheapHash(t), Role: string(Operator), CreatedAt: start})
	login, who := r.login("ann", right)
	_, bob := r.login("bob", right)
	api, secret := r.apiToken("bob", Operator, 0)
	var st unix.Statfs_t
	must(t, unix.Statfs(r.dir, &st))
	free := int64(st.Bavail) * st.Bsize
	r.keepFree = free + free/2
	r.restart()
	_, err := r.CreateAccount(t.Context(), NewAccount{Name: "new", Password: other, Role: Admin})
	wantCode(t, "another account", err, "disk_full")
	for what, do := range map[string]func(context.Context) error{
		"a role": func(ctx context.Context) error {
			_, err := r.ChangeAccount(ctx, "bob", AccountChange{Role: Viewer})
			return err
		},
		"a token": func(ctx context.Context) error { return r.DeleteAPIToken(ctx, who, api.ID) },
		"a user":  func(ctx context.Context) error { return r.DeleteAccount(ctx, "eve") },
		"a password": func(ctx context.Context) error {
			_, _, err := r.ChangePassword(ctx, bob, PasswordChange{Old: right, New: other, From: addr(2)})
			return err
		},
	} {
		if err := do(t.Context()); err != nil {
			t.Errorf("%s stays: %v", what, err)
		}
	}
	r.refused("API token", secret)
	must(t, r.Logout(t.Context(), who))
	r.refused("login", login)
}
