package auth

import (
	"context"
	"net/netip"
	"slices"
	"testing"
	"time"

	"borgfleet/controller/internal/fault"
)

// A stranger with as many clean addresses as wanted gets few guesses at an
// account, and shuts its owner out of no network that the owner has used.
func TestManyAddressesGetFewGuesses(t *testing.T) {
	r := newRig(t)
	home, other := netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("198.51.100.7")
	login := func(password string, from netip.Addr) error {
		_, _, err := r.Login(t.Context(), "ann", password, from)
		return err
	}
	must(t, login(right, home))
	guesses := 0
	attack := func(n int) {
		for i := range n {
			if err := login("wrong", ipv6(i)); fault.Of(err).Code == "wrong_credentials" {
				guesses++
			}
		}
	}
	attack(3 * maxAddresses) // more than are remembered
	if most := accountFailures + strangerFailures; guesses > most {
		t.Errorf("%d guesses, %d are meant", guesses, most)
	}
	wantCode(t, "from an unknown network, meanwhile", login(right, other), "too_many_logins")
	must(t, login(right, home))
	for range 3 { // who mistypes at home is still let in
		wantCode(t, "a slip", login("wrong", home), "wrong_credentials")
		must(t, login(right, home))
	}
	before := guesses
	r.clock.Add(time.Hour)
	attack(3 * maxAddresses)
	if most := accountFailures + strangerFailures; guesses-before > most {
		t.Errorf("%d more guesses after an hour", guesses-before)
	}
	must(t, login(right, home))
	// As soon as it is over, every network is as good as another.
	r.clock.Add(accountPause)
	must(t, login(right, other))
}

// ipv6 is an address in a network of its own, all in one /48 and some more.
func ipv6(n int) netip.Addr {
	return netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n), 15: 1})
}

// A friend's network is no way to guess, either.
func TestFriendsAreLimited(t *testing.T) {
	r := newRig(t)
	_, _, err := r.Login(t.Context(), "ann", right, addr(1))
	must(t, err)
	for range addressFailures {
		_, _, err := r.Login(t.Context(), "ann", "wrong", addr(1))
		wantCode(t, "a guess", err, "wrong_credentials")
	}
	_, _, err = r.Login(t.Context(), "ann", right, addr(1))
	wantCode(t, "after too many", err, "too_many_logins")
	if _, _, err := r.Login(t.Context(), "ann", right, addr(2)); err != nil {
		t.Errorf("from elsewhere: %v", err)
	}
}

// A flood of attempts shuts nobody out by its queue: who is known does not wait
// in it, and who is not is told to come again, which counts as no failure.
func TestQueueOfStrangers(t *testing.T) {
	r := newRig(t)
	_, _, err := r.Login(t.Context(), "ann", right, addr(1))
	must(t, err)
	h := r.opt.Hasher
	h.turn <- struct{}{} // the one whose password is looked at
	for range mostStrangers {
		h.strangers <- struct{}{}
	}
	for range 2 * addressFailures {
		_, _, err := r.Login(t.Context(), "ann", right, addr(2))
		f := fault.Of(err)
		if f.Kind != fault.TooMany || f.RetryAfter != busyPause {
			t.Fatalf("a stranger in a flood: %v", err)
		}
		if _, _, err := r.Login(t.Context(), "ann", right, addr(1)); err != nil {
			t.Fatalf("a friend: %v", err)
		}
	}
	// One whose turn does not come is told the same.
	<-h.strangers
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, _, err := r.Login(ctx, "ann", right, addr(2)); fault.Of(err).Kind != fault.TooMany {
		t.Errorf("without a turn: %v", err)
	}
	<-h.turn
	if _, _, err := r.Login(t.Context(), "ann", right, addr(2)); err != nil {
		t.Errorf("after the flood: %v", err)
	}
}

// Where a user has logged in from outlives a restart, and ends with the password.
func TestKnownNetworks(t *testing.T) {
	r := newRig(t)
	known := func() (out []string) {
		u, _ := r.store.User("ann")
		for _, n := range u.Networks {
			out = append(out, n.Prefix.Addr().String())
		}
		return out
	}
	want := func(what string, all ...string) {
		t.Helper()
		if got := known(); !slices.Equal(got, all) {
			t.Errorf("%s: known are %v, want %v", what, got, all)
		}
	}
	login := func(n int) {
		t.Helper()
		_, _, err := r.Login(t.Context(), "ann", right, addr(n))
		must(t, err)
	}
	_, _, err := r.Login(t.Context(), "ann", "wrong", addr(9))
	wantCode(t, "a failure", err, "wrong_credentials")
	want("after a failure")
	login(1)
	login(2)
	commits := r.store.Stats().Commits
	for range 5 {
		login(1)
		login(2)
	}
	if n := r.store.Stats().Commits - commits; n > 0 {
		t.Errorf("ten logins that are no news wrote %d times", n)
	}
	want("after logins", "10.0.0.2", "10.0.0.1")
	r.clock.Add(networkEvery)
	login(1)
	r.restart()
	want("after a day and a restart", "10.0.0.1", "10.0.0.2")
	for i := range 3 * mostNetworks {
		login(100 + i)
	}
	if n := len(known()); n != mostNetworks {
		t.Errorf("%d are kept", n)
	}
	_, who := r.login("ann", right)
	_, _, err = r.ChangePassword(t.Context(), who, PasswordChange{Old: right, New: other, From: addr(7)})
	must(t, err)
	want("after one's own change", "10.0.0.7")
	_, err = r.ChangeAccount(t.Context(), "ann", AccountChange{Password: other + "!"})
	must(t, err)
	want("after a reset")
	if _, _, err := r.Login(t.Context(), "ann", other+"!", netip.Addr{}); err != nil {
		t.Error(err)
	}
	want("without an address")
}

// A login that was checked before the password was changed makes nothing known.
func TestNetworkOfAnOldPassword(t *testing.T) {
	r := newRig(t)
	u, _ := r.store.User("ann")
	_, err := r.ChangeAccount(t.Context(), "ann", AccountChange{Password: other})
	must(t, err)
	r.rememberNetwork(t.Context(), userOf(u), addr(1))
	if now, _ := r.store.User("ann"); len(now.Networks) > 0 {
		t.Errorf("known are %v", now.Networks)
	}
}
