package auth

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"borgfleet/controller/internal/store"
)

const (
	// mostNetworks is how many a user is known from; the one of the oldest login
	// goes first.
	mostNetworks = 16

	// networkEvery is how fresh the time of a login from a network is kept.
	networkEvery = 24 * time.Hour
)

// rememberNetwork notes where a user has logged in from. It is seldom news, and
// a login does not depend on it.
func (p *People) rememberNetwork(ctx context.Context, user User, from netip.Addr) {
	if !from.IsValid() {
		return
	}
	here, now := network(from), p.opt.Now()
	if u, _ := p.opt.Store.User(user.Name); freshIn(u.Networks, here, now) {
		return
	}
	err := p.opt.Store.Update(ctx, func(tx *store.Tx) error {
		u, there := tx.User(user.Name)
		if !there || u.PasswordHash != user.PasswordHash {
			return nil // the password that was right is not any more
		}
		u.Networks = with(u.Networks, here, now)
		return tx.PutUser(u)
	})
	if err != nil {
		p.opt.Logger.Debug("the network of a login was not remembered", "user", user.Name, "err", err)
	}
}

func freshIn(networks []store.KnownNetwork, here netip.Prefix, now time.Time) bool {
	i := slices.IndexFunc(networks, func(n store.KnownNetwork) bool { return n.Prefix == here })
	return i >= 0 && now.Sub(networks[i].LastLogin) < networkEvery
}

// with is networks with here as the newest.
func with(networks []store.KnownNetwork, here netip.Prefix, now time.Time) []store.KnownNetwork {
	if !here.IsValid() {
		return networks
	}
	out := []store.KnownNetwork{{Prefix: here, LastLogin: now.UTC()}}
	for _, n := range networks {
		if n.Prefix != here && len(out) < mostNetworks {
			out = append(out, n)
		}
	}
	return out
}
