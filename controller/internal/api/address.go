package api

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

const forwardedFor = "X-Forwarded-For"

// address is where r comes from; it is not valid for a caller on a unix socket.
// Each proxy adds the address that it was called from at the end of
// X-Forwarded-For. What is before the last one that is believed, the caller may
// have made up.
func (s *server) address(r *http.Request) netip.Addr {
	at := addressOf(r.RemoteAddr)
	if !s.isProxy(at) {
		s.noticeProxy(r, at)
		return at
	}
	hops := strings.Split(strings.Join(r.Header.Values(forwardedFor), ","), ",")
	for _, hop := range slices.Backward(hops) {
		next := addressOf(strings.TrimSpace(hop))
		if !next.IsValid() {
			return at
		}
		if at = next; !s.isProxy(at) {
			return at
		}
	}
	return at
}

func (s *server) isProxy(at netip.Addr) bool {
	return at.IsValid() && slices.ContainsFunc(s.Proxies, func(p netip.Prefix) bool { return p.Contains(at) })
}

// noticeProxy says once that all of a proxy's callers are taken for one: they
// share one limit of failed logins.
func (s *server) noticeProxy(r *http.Request, at netip.Addr) {
	if at.IsLoopback() && r.Header.Get(forwardedFor) != "" {
		s.proxyNoticed.Do(func() {
			s.Logger.Warn("a proxy on this host is not trusted: all who come through it are one address, for the limits of logins and in the audit log; start with --trusted-proxy " + at.String())
		})
	}
}

// addressOf reads an address with or without a port.
func addressOf(s string) netip.Addr {
	if at, err := netip.ParseAddrPort(s); err == nil {
		return at.Addr().Unmap()
	}
	at, err := netip.ParseAddr(strings.Trim(s, "[]"))
	if err != nil {
		return netip.Addr{}
	}
	return at.Unmap()
}
