package api_test

import (
	"strings"
	"testing"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/fleet"
	"borgfleet/shared/seal"
)

func TestRecoveryKey(t *testing.T) {
	e := setup(t)
	first, err := seal.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	e.fleet.recovery = fleet.RecoveryKeyView{Recipient: first.Recipient(), Since: testNow()}
	var got rest.RecoveryKey
	e.get("/api/fleet/recovery-key").is(200).into(&got)
	if got.Recipient != first.Recipient() || got.Fingerprint != first.Fingerprint() || got.By != nil || len(got.Former) > 0 {
		t.Errorf("%+v", got)
	}
	second, err := seal.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	e.do("PUT", "/api/fleet/recovery-key", `{"recipient":"`+second.Recipient()+`"}`).is(200).into(&got)
	if got.Recipient != second.Recipient() || len(got.Former) != 1 || e.fleet.by == "" {
		t.Errorf("%+v by %q", got, e.fleet.by)
	}
}

// TestPrivateRecoveryKeyIsRefused: who pastes the wrong half is told so, and it
// is neither repeated nor logged.
func TestPrivateRecoveryKeyIsRefused(t *testing.T) {
	e := setup(t)
	id, err := seal.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	private := strings.Split(id.Private(), "\n")[1]
	for _, body := range []string{`{"recipient":"` + private + `"}`, `{}`, `{"recipient":"none"}`, `{"recipient":"` + id.Recipient() + `","x":1}`} {
		a := e.do("PUT", "/api/fleet/recovery-key", body).is(422)
		if strings.Contains(string(a.body), private) {
			t.Error("the answer repeats the private half")
		}
	}
	if strings.Contains(e.log.String(), private) {
		t.Error("the private half is in the log")
	}
}
