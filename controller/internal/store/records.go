package store

import (
	"fmt"
	"slices"

	"github.com/dgraph-io/badger/v4"
)

// Records that lie close together on the disk are read one after another: finding
// each one's place costs more than reading over a few that nobody asked for.
const (
	fewRecords  = 8 // are not worth an iterator
	mostBetween = 4 // records read for each one that is wanted
)

// eachRecord calls do with the records of those of ids that places name, in any
// order. One that is not there is left out. The bytes are good until do returns.
func eachRecord(txn *badger.Txn, ids []int64, places []int, do func(place int, b []byte) error) error {
	if len(places) < fewRecords {
		return seekRecords(txn, ids, places, do)
	}
	slices.SortFunc(places, func(a, b int) int { return int(ids[a] - ids[b]) })
	if last := len(places) - 1; ids[places[last]]-ids[places[0]] > int64(mostBetween*len(places)) {
		return seekRecords(txn, ids, places, do)
	}
	return passRecords(txn, ids, places, do)
}

func seekRecords(txn *badger.Txn, ids []int64, places []int, do func(place int, b []byte) error) error {
	for _, i := range places {
		b, ok, err := get(txn, idKey(jobPrefix, ids[i]))
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if err := do(i, b); err != nil {
			return err
		}
	}
	return nil
}

// passRecords goes over all records from the first to the last. The places are in
// the order of their ids.
func passRecords(txn *badger.Txn, ids []int64, places []int, do func(place int, b []byte) error) error {
	it := txn.NewIterator(badger.IteratorOptions{Prefix: []byte{jobPrefix}}) // values lie beside the keys
	defer it.Close()
	for it.Seek(idKey(jobPrefix, ids[places[0]])); it.Valid() && len(places) > 0; it.Next() {
		id := decodeNumber(it.Item().Key()[1:])
		for len(places) > 0 && ids[places[0]] < id {
			places = places[1:] // it is not there
		}
		if len(places) == 0 || ids[places[0]] != id {
			continue // nobody asked for it
		}
		i := places[0]
		places = places[1:]
		if err := it.Item().Value(func(b []byte) error { return do(i, b) }); err != nil {
			return fmt.Errorf("read the store: %w", err)
		}
	}
	return nil
}
