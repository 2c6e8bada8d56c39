package store

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"borgfleet/shared/job"
	storev1 "borgfleet/shared/proto/store/v1"
	"borgfleet/shared/wire"
)

// KeepCopy keeps what opens a repository when its host is gone. For each
// recovery key the first copy stays for ever, and the newest. borg's key is
// the same in all of them, so the first opens the repository still, with the
// passphrase that is in it: a host that was taken over can add copies that open
// nothing, and does not take away the one that does.
//
// The copies are on the disk only; what people see of the newest is in memory,
// with the repository.
func (tx *Tx) KeepCopy(repository int64, c job.Recovery) error {
	repo, ok := tx.Repository(repository)
	if !ok {
		return fmt.Errorf("repository %d is not registered: nothing is kept of it", repository)
	}
	b, _, err := tx.get(idKey(copiesPrefix, repository))
	if err != nil {
		return err
	}
	copies, err := decodeCopies(b)
	if err != nil {
		return err
	}
	if copies, ok = withCopy(copies, c); !ok {
		return nil
	}
	p := &storev1.RecoveryCopies{}
	for _, c := range copies {
		p.Copies = append(p.Copies, wire.FromRecovery(c))
	}
	if b, err = proto.Marshal(p); err != nil {
		return fmt.Errorf("encode copies: %w", err)
	}
	if err := tx.set(idKey(copiesPrefix, repository), b); err != nil {
		return err
	}
	shown := newestCopy(copies)
	shown.Sealed = nil
	repo.Recovery = &shown
	return tx.PutRepository(repo)
}

// withCopy puts c among what is kept; false: it is older than the newest of its
// key, or known.
func withCopy(copies []job.Recovery, c job.Recovery) ([]job.Recovery, bool) {
	var same []int
	for i, old := range copies {
		if old.Recipient == c.Recipient {
			same = append(same, i)
		}
	}
	if len(same) > 0 && !c.SealedAt.After(copies[same[len(same)-1]].SealedAt) {
		return copies, false
	}
	copies = slices.Clone(copies)
	if len(same) > 1 {
		copies = slices.Delete(copies, same[1], same[1]+1)
	}
	return append(copies, c), true
}

func newestCopy(copies []job.Recovery) job.Recovery {
	return slices.MaxFunc(copies, func(a, b job.Recovery) int { return a.SealedAt.Compare(b.SealedAt) })
}

// Copies gives what is kept of a repository for the recovery keys, in the order
// in which it came.
func (s *Store) Copies(repository int64) ([]job.Recovery, error) {
	txn := s.db.NewTransaction(false)
	defer txn.Discard()
	b, _, err := get(txn, idKey(copiesPrefix, repository))
	if err != nil {
		return nil, err
	}
	return decodeCopies(b)
}

func decodeCopies(b []byte) ([]job.Recovery, error) {
	var p storev1.RecoveryCopies
	if err := proto.Unmarshal(b, &p); err != nil {
		return nil, fmt.Errorf("read copies: %w", err)
	}
	var out []job.Recovery
	for _, c := range p.Copies {
		out = append(out, wire.ToRecovery(c))
	}
	return out, nil
}

// deleteCopies goes with the registration.
func (tx *Tx) deleteCopies(repository int64) error { return tx.del(idKey(copiesPrefix, repository)) }
