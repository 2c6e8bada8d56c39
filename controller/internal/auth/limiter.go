package auth

import (
	"container/list"
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

// How often a login may fail. A failure is forgotten after the pause; so many
// may be remembered before the next attempt is refused.
const (
	addressFailures = 10
	addressPause    = time.Minute
	accountFailures = 20
	accountPause    = 30 * time.Second

	// At an account that is closed by that, so many addresses which have not
	// failed yet get their attempt.
	strangerFailures = 20
	strangerPause    = 10 * time.Second

	maxAddresses = 8192
	accountSlots = 4096
)

// Limiter bounds how often passwords can be guessed, for each address and for
// each account.
//
// An account that is being attacked is closed to addresses that have failed
// themselves, and not to networks from which its owner has logged in before: a
// stranger who guesses at it cannot lock its owner out. An address that is clean
// and not known gets one attempt, as long as there are not too many of these:
// with IPv6, or many machines, a stranger has as many clean addresses as wanted.
//
// A right password waits like a wrong one while its address is closed, loopback
// not excepted: to let it in, it would have to be compared, and whoever learns
// that it was right has guessed. Who must get in meanwhile has the admin socket,
// or an API token; neither asks here.
//
// Its memory is bounded. Addresses are forgotten oldest first, which can cost
// an attacker's mark and never adds one to somebody else. Accounts share a
// fixed number of slots by a keyed hash, names that do not exist among them, so
// an answer does not tell which names do.
type Limiter struct {
	now  func() time.Time
	seed maphash.Seed

	mu        sync.Mutex // guards what follows
	addresses map[netip.Prefix]*list.Element
	recent    *list.List // of *address, the most recently used first
	accounts  [accountSlots]bucket
	strangers [accountSlots]bucket // attempts of the clean and unknown at closed accounts
}

type address struct {
	prefix netip.Prefix
	bucket bucket
}

// NewLimiter makes a limiter that has seen nothing.
func NewLimiter(now func() time.Time) *Limiter {
	return &Limiter{
		now:       now,
		seed:      maphash.MakeSeed(),
		addresses: make(map[netip.Prefix]*list.Element),
		recent:    list.New(),
	}
}

// Begin asks whether an attempt may be made. If so, it counts as a failure until
// succeeded is called: a thousand attempts at once are a thousand, not one. If
// not, retry says when to come again. friend says that the account's owner has
// logged in from there before.
func (l *Limiter) Begin(account string, addr netip.Addr, friend bool) (succeeded func(), retry time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	prefix := network(addr)
	slot := maphash.String(l.seed, account) % accountSlots

	from, known := l.addresses[prefix]
	var own bucket
	if known {
		own = from.Value.(*address).bucket
	}
	own.leak(now, addressPause)
	if wait := own.wait(addressFailures, addressPause); wait > 0 {
		return nil, wait
	}
	counts, wait := l.atAccount(slot, own, now, friend)
	if wait > 0 {
		return nil, wait
	}
	if counts != nil {
		counts.level++
	}
	own.level++
	if !known {
		l.forgetOldest()
		from = l.recent.PushFront(&address{prefix: prefix})
		l.addresses[prefix] = from
	}
	from.Value.(*address).bucket = own
	l.recent.MoveToFront(from)
	return func() { l.succeeded(prefix, counts) }, 0
}

// atAccount says which of the account's buckets an attempt counts in; nil: none,
// since a friend who fails must not close the account to others.
func (l *Limiter) atAccount(slot uint64, own bucket, now time.Time, friend bool) (counts *bucket, wait time.Duration) {
	if friend {
		return nil, 0
	}
	account, strangers := &l.accounts[slot], &l.strangers[slot]
	account.leak(now, accountPause)
	wait = account.wait(accountFailures, accountPause)
	switch {
	case wait == 0:
		return account, 0
	case own.level > 0:
		return nil, min(wait, time.Duration(own.level*float64(addressPause)))
	}
	// It is not counted against the account, which could never recover then.
	strangers.leak(now, strangerPause)
	return strangers, strangers.wait(strangerFailures, strangerPause)
}

// succeeded takes back what Begin counted, and no more: whoever has one account
// could otherwise wash off every failed guess at another with a login.
func (l *Limiter) succeeded(prefix netip.Prefix, counted *bucket) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if from, ok := l.addresses[prefix]; ok {
		b := &from.Value.(*address).bucket
		if b.level--; b.level <= 0 {
			l.recent.Remove(from)
			delete(l.addresses, prefix)
		}
	}
	if counted != nil {
		counted.level = max(0, counted.level-1)
	}
}

func (l *Limiter) forgetOldest() {
	if len(l.addresses) < maxAddresses {
		return
	}
	oldest := l.recent.Back()
	l.recent.Remove(oldest)
	delete(l.addresses, oldest.Value.(*address).prefix)
}

// network is whose address it is: one host with IPv4, with IPv6 the /64 that
// any host has all of.
func network(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap().WithZone("")
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	prefix, err := addr.Prefix(bits)
	if err != nil {
		return netip.Prefix{} // no address at all; such callers share one limit
	}
	return prefix
}

// bucket counts failures, and forgets them one at a time.
type bucket struct {
	level float64
	at    time.Time
}

func (b *bucket) leak(now time.Time, pause time.Duration) {
	if gone := now.Sub(b.at); gone > 0 {
		b.level = max(0, b.level-float64(gone)/float64(pause))
	}
	b.at = now
}

// wait is how long until one more failure has room; 0: it has now.
func (b *bucket) wait(room float64, pause time.Duration) time.Duration {
	return max(0, time.Duration((b.level+1-room)*float64(pause)))
}
