package store

import (
	"fmt"
	"time"

	"github.com/dgraph-io/badger/v4"
	"google.golang.org/protobuf/proto"

	storev1 "borgfleet/shared/proto/store/v1"
)

// How far a restored store moves its counters on, so that ids which were given
// after the backup was taken are not given to something else: a million, and
// more than any fleet needs for each second since then. The second part keeps
// restores of one backup apart: each begins behind what the ones before it can
// have given. A backup of a hundred years makes ids of 3·10^12; JSON's numbers
// are exact up to 9·10^15.
const (
	IDsAhead       = 1_000_000
	idsEachSecond  = 1_000
	mostIDsForTime = 100 * 366 * 86400 * idsEachSecond // a clock that is off must not use up the numbers
)

// ahead is how far the counters of a store go that is made by this restore.
func (r Restored) ahead() int64 {
	since := int64(r.At.Sub(r.TakenAt) / time.Second)
	return IDsAhead + min(max(0, since)*idsEachSecond, mostIDsForTime)
}

// Restored says where a store comes from that was made from a backup.
type Restored struct {
	From         string    // id of the store that was backed up
	TakenAt      time.Time // the backup
	At           time.Time // the restore
	AdmitUnknown bool      // what was revoked since is known: agents that enrolled since may come back
}

func encodeRestored(r Restored) ([]byte, error) {
	b, err := proto.Marshal(&storev1.Restored{
		From: r.From, TakenAt: stamp(r.TakenAt), RestoredAt: stamp(r.At), AdmitUnknown: r.AdmitUnknown,
	})
	if err != nil {
		return nil, fmt.Errorf("encode the origin of the store: %w", err)
	}
	return b, nil
}

func loadRestored(txn *badger.Txn) (*Restored, error) {
	b, ok, err := get(txn, []byte(restoredKey))
	if err != nil || !ok {
		return nil, err
	}
	var p storev1.Restored
	if err := proto.Unmarshal(b, &p); err != nil {
		return nil, fmt.Errorf("read the origin of the store: %w", err)
	}
	return &Restored{
		From: p.From, TakenAt: instant(p.TakenAt), At: instant(p.RestoredAt), AdmitUnknown: p.AdmitUnknown,
	}, nil
}

// TakeJobID says whether a job that this store has lost may have the id back
// under which its agent knows it. It must have been given before the restore,
// and to nobody else since.
func (tx *Tx) TakeJobID(id int64) (bool, error) {
	if tx.s.restored == nil || id <= 0 || id >= tx.s.next.job {
		return false, nil
	}
	_, taken, err := tx.Job(id)
	return !taken, err
}
