package crowd

import (
	"container/list"
	"net"
	"net/netip"
)

// place is where strangers come from.
type place struct {
	from   string
	conns  list.List // oldest first
	lately int       // of them in Listener.recent
	at     int       // in the order
}

func (p *place) oldest() uint64 { return p.conns.Front().Value.(*conn).number }

// order is a heap: the place with most strangers first, and of several the one
// that has the oldest.
type order []*place

func (o order) Len() int { return len(o) }

func (o order) Less(i, j int) bool {
	if a, b := o[i].conns.Len(), o[j].conns.Len(); a != b {
		return a > b
	}
	return o[i].oldest() < o[j].oldest()
}

func (o order) Swap(i, j int) {
	o[i], o[j] = o[j], o[i]
	o[i].at, o[j].at = i, j
}

// Push is heap's.
func (o *order) Push(x any) {
	p := x.(*place)
	p.at = len(*o)
	*o = append(*o, p)
}

// Pop is heap's.
func (o *order) Pop() any {
	last := len(*o) - 1
	p := (*o)[last]
	(*o)[last] = nil
	*o = (*o)[:last]
	return p
}

// origin is what counts as one place: an IPv4 address, or an IPv6 network as one
// customer has it. All callers on a unix socket are one.
func origin(a net.Addr) string {
	at, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return ""
	}
	ip := at.Addr().Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	network, err := ip.Prefix(64)
	if err != nil {
		return ip.String()
	}
	return network.String()
}
