package store

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	storev1 "borgfleet/shared/proto/store/v1"
)

// IdempotencyRecord remembers which job a request made, so that the same
// request again gives the same job.
type IdempotencyRecord struct {
	Job           int64
	RequestSHA256 []byte
	ExpiresAt     time.Time
}

// Idempotency gives the record of a key that has not expired.
func (tx *Tx) Idempotency(key string) (IdempotencyRecord, bool, error) {
	b, ok, err := tx.get(nameKey(idempotencyPrefix, key))
	if err != nil || !ok {
		return IdempotencyRecord{}, false, err
	}
	var p storev1.IdempotencyKey
	if err := proto.Unmarshal(b, &p); err != nil {
		return IdempotencyRecord{}, false, fmt.Errorf("read idempotency key: %w", err)
	}
	rec := IdempotencyRecord{Job: p.Job, RequestSHA256: p.RequestSha256, ExpiresAt: instant(p.ExpiresAt)}
	if !rec.ExpiresAt.After(tx.s.opt.Now()) {
		return IdempotencyRecord{}, false, nil
	}
	return rec, true, nil
}

// PutIdempotency stores a record until it expires.
func (tx *Tx) PutIdempotency(key string, rec IdempotencyRecord) error {
	b, err := proto.Marshal(&storev1.IdempotencyKey{
		Job: rec.Job, RequestSha256: rec.RequestSHA256, ExpiresAt: stamp(rec.ExpiresAt),
	})
	if err != nil {
		return fmt.Errorf("encode idempotency key: %w", err)
	}
	left := rec.ExpiresAt.Sub(tx.s.opt.Now())
	if left <= 0 {
		return nil
	}
	// ExpiresAt decides, by the injected clock; Badger's own expiry, by the
	// machine's, only clears up afterwards.
	return tx.setExpiring(nameKey(idempotencyPrefix, key), b, time.Now().Add(left+time.Hour))
}
