package auth

import (
	"testing"
	"time"
)

func TestDownloadTokenIsForOneLog(t *testing.T) {
	r := newRig(t)
	login, who := r.login("ann", right)
	link, expires, err := r.DownloadToken(who, 5)
	if err != nil || !expires.Equal(start.Add(LinkLife)) {
		t.Fatal(expires, err)
	}
	got, err := r.VerifyDownload(link, 5)
	if err != nil || got != (Principal{User: "ann", Role: Operator}) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, job := range []int64{0, -5, 6} {
		got, err := r.VerifyDownload(link, job)
		refusal(t, "another job", got, err)
	}
	r.refused("a download token as a login", link)
	if got, err := r.VerifyDownload(login, 6); err != nil || got.Role != Admin {
		t.Errorf("a login in a link: %+v, %v", got, err)
	}
	r.clock.Add(LinkLife + leeway)
	got, err = r.VerifyDownload(link, 5)
	refusal(t, "too late", got, err)
}

// A download token ends with what its maker had proven to be.
func TestDownloadTokenEndsWithItsMaker(t *testing.T) {
	ends := map[string]func(r *rig, who Principal) error{
		"logout": func(r *rig, who Principal) error { return r.Logout(t.Context(), who) },
		"password": func(r *rig, _ Principal) error {
			_, err := r.ChangeAccount(t.Context(), "bob", AccountChange{Password: other})
			return err
		},
		"deleted user": func(r *rig, _ Principal) error { return r.DeleteAccount(t.Context(), "bob") },
	}
	for what, end := range ends {
		r := newRig(t)
		_, who := r.login("bob", right)
		link, _, err := r.DownloadToken(who, 5)
		must(t, err)
		must(t, end(r, who))
		got, err := r.VerifyDownload(link, 5)
		refusal(t, what, got, err)
	}
	r := newRig(t)
	_, secret := r.apiToken("bob", Viewer, 10*time.Second)
	program, err := r.Verify(secret)
	must(t, err)
	link, _, err := r.DownloadToken(program, 5)
	must(t, err)
	if got, err := r.VerifyDownload(link, 5); err != nil || got.Role != Viewer {
		t.Errorf("made with a token of a viewer: %+v, %v", got, err)
	}
	r.clock.Add(10 * time.Second)
	got, err := r.VerifyDownload(link, 5)
	refusal(t, "the API token has ended", got, err)
	local, _, err := r.DownloadToken(Principal{User: "root@localhost", Role: Admin, Local: true}, 5)
	must(t, err)
	if got, err := r.VerifyDownload(local, 5); err != nil || got != (Principal{User: "root@localhost", Role: Operator}) {
		t.Errorf("made on the admin socket: %+v, %v", got, err)
	}
}
