package store

import "iter"

const (
	blockBytes  = 256 << 10
	blocksAhead = 4
)

// block is a number of values, one after the other.
type block struct {
	bytes []byte
	ends  []int
	err   error // comes after the values
}

// ahead reads seq in a goroutine of its own, a few blocks before its consumer:
// with a million rows, reading them and taking them in cost about the same.
func ahead(seq iter.Seq2[[]byte, error]) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		blocks, stop := make(chan block, blocksAhead), make(chan struct{})
		go readBlocks(seq, blocks, stop)
		defer func() { // seq must be at its end when we are: it belongs to a transaction
			close(stop)
			for range blocks {
			}
		}()
		for b := range blocks {
			from := 0
			for _, end := range b.ends {
				if !yield(b.bytes[from:end], nil) {
					return
				}
				from = end
			}
			if b.err != nil {
				yield(nil, b.err)
				return
			}
		}
	}
}

func readBlocks(seq iter.Seq2[[]byte, error], blocks chan<- block, stop <-chan struct{}) {
	defer close(blocks)
	send := func(b block) bool {
		select {
		case blocks <- b:
			return true
		case <-stop:
			return false
		}
	}
	var b block
	for v, err := range seq {
		if err != nil {
			b.err = err
			break
		}
		b.bytes = append(b.bytes, v...)
		b.ends = append(b.ends, len(b.bytes))
		if len(b.bytes) >= blockBytes {
			if !send(b) {
				return
			}
			b = block{bytes: make([]byte, 0, blockBytes+1024), ends: make([]int, 0, len(b.ends))}
		}
	}
	send(b)
}
