package store

import (
	"fmt"
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"
)

// table is what there is few enough of to have it all in memory. What is in it is
// replaced and never changed, so that it can be looked at where it is.
type table[K comparable, V any] map[K]*V

func (t table[K, V]) get(k K) (V, bool) {
	if v, ok := t[k]; ok {
		return *v, true
	}
	var none V
	return none, false
}

// all gives all values, in no order.
func (t table[K, V]) all() []*V {
	return slices.AppendSeq(make([]*V, 0, len(t)), maps.Values(t))
}

// sorted gives all values in order.
func (t table[K, V]) sorted(compare func(a, b *V) int) []V {
	all := t.all()
	slices.SortFunc(all, compare)
	out := make([]V, 0, len(t))
	for _, v := range all {
		out = append(out, *v)
	}
	return out
}

// change is one change of what is in memory, and gives the way back. It is made
// twice: to the working state when it is staged, to the published one when it
// is on the disk.
type change func(*state) (undo func(*state))

func put[K comparable, V any](of func(*state) table[K, V], k K, v V) change {
	return func(st *state) func(*state) {
		undo := restore(of, k, st)
		of(st)[k] = &v
		return undo
	}
}

func remove[K comparable, V any](of func(*state) table[K, V], k K) change {
	return func(st *state) func(*state) {
		undo := restore(of, k, st)
		delete(of(st), k)
		return undo
	}
}

func restore[K comparable, V any](of func(*state) table[K, V], k K, st *state) func(*state) {
	old, had := of(st)[k]
	return func(st *state) {
		if had {
			of(st)[k] = old
		} else {
			delete(of(st), k)
		}
	}
}

// putRecord stages v in memory and its stored form for the disk.
func putRecord[K comparable, V any](tx *Tx, key []byte, m proto.Message, of func(*state) table[K, V], k K, v V) error {
	b, err := proto.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode record: %w", err)
	}
	if err := tx.set(key, b); err != nil {
		return err
	}
	tx.change(put(of, k, v))
	return nil
}

func removeRecord[K comparable, V any](tx *Tx, key []byte, of func(*state) table[K, V], k K) error {
	if _, ok := of(&tx.s.working)[k]; !ok {
		return nil
	}
	if err := tx.del(key); err != nil {
		return err
	}
	tx.change(remove(of, k))
	return nil
}
