package history

import "reflect"

// Bytes is how much memory the rows take, with those that a chunk has room for.
func (ix *Index) Bytes() int64 {
	return int64(len(ix.snap.Load().chunks)) * int64(reflect.TypeFor[chunk]().Size())
}
