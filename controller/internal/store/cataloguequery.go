package store

import (
	"encoding/binary"
	"fmt"

	"github.com/dgraph-io/badger/v4"
	"google.golang.org/protobuf/proto"

	storev1 "borgfleet/shared/proto/store/v1"
)

// ReadCatalogue reads a catalogue as it was at one moment: the head, and each
// archive in the order of their ids, until each says that it is enough. The
// archives are on the disk only: a repository can have thousands. Those that
// have vanished are left out.
func (s *Store) ReadCatalogue(repository int64, each func(CatalogueArchive) bool) (head Catalogue, ok bool, err error) {
	return s.readCatalogue(repository, func(a CatalogueArchive) bool { return !a.VanishedAt.IsZero() || each(a) })
}

// ReadVanished is ReadCatalogue for those that have vanished alone.
func (s *Store) ReadVanished(repository int64, each func(CatalogueArchive) bool) error {
	if head, _ := s.Catalogue(repository); head.Vanished == 0 {
		return nil
	}
	_, _, err := s.readCatalogue(repository, func(a CatalogueArchive) bool { return a.VanishedAt.IsZero() || each(a) })
	return err
}

func (s *Store) readCatalogue(repository int64, each func(CatalogueArchive) bool) (head Catalogue, ok bool, err error) {
	err = s.db.View(func(txn *badger.Txn) error {
		b, found, err := get(txn, idKey(cataloguePrefix, repository))
		if err != nil || !found {
			return err
		}
		var p storev1.Catalogue
		if err := proto.Unmarshal(b, &p); err != nil {
			return fmt.Errorf("read the catalogue of repository %d: %w", repository, err)
		}
		head, ok = catalogueFromProto(&p), true
		return eachArchive(txn, repository, each)
	})
	return head, ok, err
}

func eachArchive(txn *badger.Txn, repository int64, each func(CatalogueArchive) bool) error {
	it := txn.NewIterator(badger.IteratorOptions{Prefix: idKey(archivePrefix, repository)})
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		var a CatalogueArchive
		err := it.Item().Value(func(b []byte) (err error) {
			a, err = decodeArchive(b)
			return err
		})
		if err != nil {
			return fmt.Errorf("read the catalogue of repository %d: %w", repository, err)
		}
		if !each(a) {
			return nil
		}
	}
	return nil
}

// Leftovers are repositories that have archives, but no registration any more.
// It looks at one key for each repository.
func (s *Store) Leftovers() ([]int64, error) {
	var left []int64
	err := s.db.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{Prefix: []byte{archivePrefix}})
		defer it.Close()
		for it.Rewind(); it.Valid(); {
			id := int64(binary.BigEndian.Uint64(it.Item().Key()[1:]))
			if _, ok := s.Repository(id); !ok {
				left = append(left, id)
			}
			it.Seek(idKey(archivePrefix, id+1))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for leftovers: %w", err)
	}
	return left, nil
}

// ClearLeftovers removes up to limit archives of a repository that is not
// registered, and says whether there are more.
func (tx *Tx) ClearLeftovers(repository int64, limit int) (more bool, err error) {
	if _, ok := tx.Repository(repository); ok {
		return false, fmt.Errorf("repository %d is registered: its archives are no leftovers", repository)
	}
	it := tx.g.disk().NewIterator(badger.IteratorOptions{Prefix: idKey(archivePrefix, repository)})
	defer it.Close()
	n := 0
	for it.Rewind(); it.Valid(); it.Next() {
		if n == limit {
			return true, nil
		}
		n++
		if err := tx.del(it.Item().KeyCopy(nil)); err != nil {
			return false, err
		}
	}
	return false, nil
}
