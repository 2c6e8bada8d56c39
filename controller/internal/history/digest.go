package history

import (
	"math/bits"
	"sync/atomic"
)

// digest says of a chunk in little what a query need not look for in its rows. It
// can name too much, and never too little: who is not in it is not in the chunk.
// Readers load what the writer stores, so all of it is atomic.
type digest struct {
	pairs        uint64 // one bit for each kind and status that some row has
	agents       marks
	repositories marks
}

// statusCodes is one more than the greatest code of a status. A word has room for
// 9 kinds by 7 statuses, the unknown ones among them.
const statusCodes = 7

// pairOf is the bit of a row's kind and status.
func pairOf(attr uint32) uint64 {
	kind := bits.TrailingZeros32(attr&kindBits) - kindShift
	return 1 << (kind*statusCodes + int(statusIn(attr)))
}

// pairsOf are the bits of all of these kinds with all of these statuses.
func pairsOf(kinds, statuses uint32) (pairs uint64) {
	for kinds := kinds & kindBits >> kindShift; kinds != 0; kinds &= kinds - 1 {
		for statuses := statuses & statusBits >> statusShift; statuses != 0; statuses &= statuses - 1 {
			pairs |= 1 << (bits.TrailingZeros32(kinds)*statusCodes + bits.TrailingZeros32(statuses))
		}
	}
	return pairs
}

// marks has a byte for each row of a chunk, made of what the row has in one column:
// eight rows are compared at once, and one in 256 is looked at in vain.
type marks [chunkRows / 8]uint64

const (
	everyByte = 0x0101010101010101
	highBits  = 0x8080808080808080
)

func markOf(v uint32) uint64 { return uint64(v * 0x9e3779b1 >> 24) }

// set marks row i, which had no mark or another one.
func (m *marks) set(i int, v uint32) {
	shift := i % 8 * 8
	word := atomic.LoadUint64(&m[i/8])
	atomic.StoreUint64(&m[i/8], word&^(0xff<<shift)|markOf(v)<<shift)
}

// pick gives the rows of column that have want.
func (m *marks) pick(want uint32, column []uint32, sel []uint16) int {
	n, all := 0, markOf(want)*everyByte
	for w := range (len(column) + 7) / 8 {
		differs := atomic.LoadUint64(&m[w]) ^ all
		// The high bit of a byte is set here if that byte is 0, and may be above one.
		for equal := (differs - everyByte) &^ differs & highBits; equal != 0; equal &= equal - 1 {
			i := w*8 + bits.TrailingZeros64(equal)/8
			if i < len(column) && column[i] == want {
				sel[n] = uint16(i)
				n++
			}
		}
	}
	return n
}

// digestRow takes note of row i, before a reader can see it.
func (c *chunk) digestRow(i int, e entry) {
	c.digest.agents.set(i, e.agent)
	c.digest.repositories.set(i, e.repository)
	atomic.StoreUint64(&c.digest.pairs, c.digest.pairs|pairOf(e.attr))
}

// digestAll makes the digest of the first n rows anew.
func (c *chunk) digestAll(n int) {
	for i := range n {
		c.digest.agents.set(i, c.agent[i])
		c.digest.repositories.set(i, c.repository[i])
	}
	c.digestPairs(n)
}

// digestPairs forgets kinds and statuses that no row has any more: every job has
// waited once, and who asks for those that wait should not look at all of them.
func (c *chunk) digestPairs(n int) {
	var pairs uint64
	for _, attr := range c.attr[:n] { // only the writer changes them, and that is who asks
		pairs |= pairOf(attr)
	}
	atomic.StoreUint64(&c.digest.pairs, pairs)
}
