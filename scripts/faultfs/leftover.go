package faultfs

import "math/rand/v2"

const sectorSize = 512

// leftover gives what a power cut leaves of a file: what was synced, and of
// everything since then any part. Sectors are written whole or not at all. With
// garbage, what was never synced may be something else altogether: blocks that
// the file was given and that nobody has written to.
func (f *file) leftover(rnd *rand.Rand, garbage bool) content {
	out := f.disk.clone()
	out.size = leftoverSize(rnd, f.disk.size, f.size)
	pages := f.unsynced()
	arrived := arrival(rnd, len(pages)*pageSize/sectorSize)
	for i, n := range pages {
		p := new(page)
		if old := f.disk.pages[n]; old != nil {
			*p = *old
		}
		for at := 0; at < pageSize; at += sectorSize {
			sector := p[at : at+sectorSize]
			switch {
			case arrived(i*pageSize/sectorSize + at/sectorSize):
				clear(sector)
				if live := f.pages[n]; live != nil {
					copy(sector, live[at:])
				}
			case garbage && rnd.IntN(8) == 0:
				spoil(rnd, sector, f.disk.size-n*pageSize-int64(at))
			}
		}
		out.pages[n] = p
	}
	out.trim()
	return out
}

func leftoverSize(rnd *rand.Rand, synced, now int64) int64 {
	switch rnd.IntN(3) {
	case 0:
		return synced
	case 1:
		if now > synced {
			return synced + rnd.Int64N(now-synced+1)
		}
	}
	return now
}

// arrival says which of n sectors have reached the disk: none, all, the first
// ones, or any.
func arrival(rnd *rand.Rand, n int) func(i int) bool {
	upTo := 0
	switch rnd.IntN(4) {
	case 0:
	case 1:
		upTo = n
	case 2:
		upTo = rnd.IntN(n + 1)
	default:
		return func(int) bool { return rnd.IntN(2) == 0 }
	}
	return func(i int) bool { return i < upTo }
}

// spoil fills a sector, but for the bytes that are synced.
func spoil(rnd *rand.Rand, sector []byte, synced int64) {
	for i := max(0, synced); i < int64(len(sector)); i++ {
		sector[i] = byte(rnd.Uint32())
	}
}
