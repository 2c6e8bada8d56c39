package auth

import (
	"fmt"
	"net/netip"
	"testing"
)

func TestLimiterMemoryIsBounded(t *testing.T) {
	l := NewLimiter(newClock().Now)
	for i := range 3 * maxAddresses {
		l.Begin(fmt.Sprintf("user%d", i), addr(i), false)
	}
	if len(l.addresses) != maxAddresses || l.recent.Len() != maxAddresses {
		t.Errorf("%d addresses, %d in order", len(l.addresses), l.recent.Len())
	}
	// A flood marks nobody who has not failed.
	if succeeded, _ := l.Begin("admin", netip.MustParseAddr("192.0.2.1"), false); succeeded == nil {
		t.Error("a clean address is refused after a flood of others")
	} else {
		succeeded()
	}
	if len(l.addresses) > maxAddresses {
		t.Errorf("%d addresses", len(l.addresses))
	}
}

func TestNetwork(t *testing.T) {
	same := [][2]string{
		{"192.0.2.1", "::ffff:192.0.2.1"},
		{"2001:db8::1", "2001:db8::ffff:1"},
		{"fe80::1%eth0", "fe80::1"},
	}
	for _, s := range same {
		if network(netip.MustParseAddr(s[0])) != network(netip.MustParseAddr(s[1])) {
			t.Errorf("%s and %s are counted apart", s[0], s[1])
		}
	}
	for _, s := range [][2]string{{"192.0.2.1", "192.0.2.2"}, {"2001:db8::1", "2001:db8:0:1::1"}} {
		if network(netip.MustParseAddr(s[0])) == network(netip.MustParseAddr(s[1])) {
			t.Errorf("%s and %s are counted as one", s[0], s[1])
		}
	}
	network(netip.Addr{}) // a caller without an address is no crash
}
