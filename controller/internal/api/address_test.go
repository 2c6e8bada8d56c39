package api_test

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"borgfleet/controller/internal/api"
)

// Only what a proxy that is believed has added counts: the rest a caller may
// have made up, to guess on from a new address, or to have another shut out.
func TestAddressBehindProxies(t *testing.T) {
	const self = "127.0.0.1"
	trusted := []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, tt := range []struct {
		proxies []netip.Prefix
		header  []string
		want    string
	}{
		{nil, nil, self},
		{nil, []string{"192.0.2.7"}, self},
		{trusted, nil, self},
		{trusted, []string{"192.0.2.7"}, "192.0.2.7"},
		{trusted, []string{"192.0.2.7:4711"}, "192.0.2.7"},
		{trusted, []string{"[2001:db8::1]:4711"}, "2001:db8::1"},
		{trusted, []string{"2001:db8::1"}, "2001:db8::1"},
		{trusted, []string{"::ffff:192.0.2.7"}, "192.0.2.7"},
		{trusted, []string{"198.51.100.1, 192.0.2.7"}, "192.0.2.7"},
		{trusted, []string{"198.51.100.1", "192.0.2.7"}, "192.0.2.7"},
		{trusted, []string{"198.51.100.1, 192.0.2.7, 10.1.2.3"}, "192.0.2.7"},
		{trusted, []string{"198.51.100.1,192.0.2.7 ,10.1.2.3,fd00::1"}, "192.0.2.7"},
		{trusted, []string{"10.1.2.3, 10.1.2.4"}, "10.1.2.3"},
		{trusted, []string{"192.0.2.7, unknown"}, self},
		{trusted, []string{"192.0.2.7, unknown, 10.1.2.3"}, "10.1.2.3"},
		{trusted, []string{""}, self},
		{trusted, []string{strings.Repeat(",", 10_000)}, self},
	} {
		e := setup(t, func(o *api.Options) { o.Proxies = tt.proxies })
		req, err := http.NewRequest(http.MethodPost, e.server.URL+"/api/auth/login", strings.NewReader(`{"username":"admin","password":"secret"}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header["X-Forwarded-For"] = tt.header
		for range 2 {
			req.Body, _ = req.GetBody()
			resp, err := e.http.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
		}
		if got := e.auth.from.String(); got != tt.want {
			t.Errorf("%q: a login from %s, want %s", tt.header, got, tt.want)
		}
		noticed := strings.Count(e.log.String(), "--trusted-proxy 127.0.0.1")
		if want := tt.proxies == nil && tt.header != nil; noticed > 1 || (noticed == 1) != want {
			t.Errorf("%q: noticed %d times", tt.header, noticed)
		}
	}
}
