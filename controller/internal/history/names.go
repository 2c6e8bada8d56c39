package history

import (
	"math/bits"
	"sync"
)

// numbers gives each value of a column a small number, so that a row holds four
// bytes and a filter a set of bits. Numbers are never given back: there are as
// many as there ever were agents or repositories.
type numbers[K comparable] struct {
	mu  sync.RWMutex // guards what follows, which one writer changes; held for one look, never for a scan
	ids map[K]uint32
	ks  []K // by their numbers
}

func newNumbers[K comparable]() *numbers[K] {
	return &numbers[K]{ids: map[K]uint32{}}
}

// of gives k its number, a new one if it has none. Only the writer calls it,
// and nobody else changes ids, so it may look without the lock.
func (n *numbers[K]) of(k K) uint32 {
	if id, ok := n.ids[k]; ok {
		return id
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	id := uint32(len(n.ids))
	n.ids[k] = id
	n.ks = append(n.ks, k)
	return id
}

// value is what has this number.
func (n *numbers[K]) value(id uint32) K {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.ks[id]
}

func (n *numbers[K]) known(k K) (uint32, bool) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	id, ok := n.ids[k]
	return id, ok
}

// set is the numbers of ks as bits. What has no number is in no row.
func (n *numbers[K]) set(ks []K) numberSet {
	n.mu.RLock()
	defer n.mu.RUnlock()
	s := make(numberSet, (len(n.ids)+63)/64)
	for _, k := range ks {
		if id, ok := n.ids[k]; ok {
			s[id/64] |= 1 << (id % 64)
		}
	}
	return s
}

// numberSet is a set of numbers. A number given after the set was made is
// not in it.
type numberSet []uint64

func (s numberSet) has(id uint32) bool {
	w := id / 64
	return w < uint32(len(s)) && s[w]&(1<<(id%64)) != 0
}

// one gives a number of the set, and how many there are.
func (s numberSet) one() (number uint32, n int) {
	for w, word := range s {
		if word != 0 {
			number = uint32(w*64 + bits.TrailingZeros64(word))
			n += bits.OnesCount64(word)
		}
	}
	return number, n
}
