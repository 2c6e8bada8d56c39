package store

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"
)

// table is what there is few enough of to have it all in memory.
type table[K comparable, V any] map[K]V

func (t table[K, V]) get(k K) (V, bool) {
	v, ok := t[k]
	return v, ok
}

// all gives all values, in no order.
func (t table[K, V]) all() []V {
	all := make([]V, 0, len(t))
	for _, v := range t {
		all = append(all, v)
	}
	return all
}

// sorted gives all values in order. Values are large: moving each one as often as a
// sort does costs more than all else.
func (t table[K, V]) sorted(compare func(a, b *V) int) []V {
	all, order := t.all(), make([]*V, 0, len(t))
	for i := range all {
		order = append(order, &all[i])
	}
	slices.SortFunc(order, compare)
	out := make([]V, 0, len(t))
	for _, v := range order {
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
		of(st)[k] = v
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
