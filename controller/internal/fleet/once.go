package fleet

import (
	"context"
	"crypto/sha256"
	"slices"
	"time"

	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

const idempotencyLife = 24 * time.Hour

// once is a request that may come again with the same key, and is to make one
// job only. An empty key makes one each time.
type once struct {
	by, key string
	request string // what is asked for
}

func (o once) name() string { return o.by + "\x00" + o.key }

func (o once) digest() []byte {
	sum := sha256.Sum256([]byte(o.request))
	return sum[:]
}

// startOnce makes a job, or finds the one that the same request made before.
// refused is why none can be made now: a repeated request is answered as the
// first was, whatever has become of its repository meanwhile.
func (s *Service) startOnce(ctx context.Context, o once, refused error, start func(*store.Tx) (job.Job, error)) (job.Job, error) {
	if o.key == "" && refused != nil {
		return job.Job{}, refused
	}
	var started job.Job
	err := s.store.Update(ctx, func(tx *store.Tx) error {
		j, found, err := s.startedBefore(tx, o)
		if err == nil && !found {
			if refused != nil {
				return refused
			}
			if j, err = start(tx); err == nil {
				err = s.rememberStart(tx, o, j.ID)
			}
		}
		started = j
		return err
	})
	return started, err
}

func (s *Service) startedBefore(tx *store.Tx, o once) (job.Job, bool, error) {
	if o.key == "" {
		return job.Job{}, false, nil
	}
	rec, ok, err := tx.Idempotency(o.name())
	if err != nil || !ok || !s.now().Before(rec.ExpiresAt) {
		return job.Job{}, false, err
	}
	if !slices.Equal(rec.RequestSHA256, o.digest()) {
		return job.Job{}, false, fault.New(fault.Invalid, "idempotency_key_reused",
			"this Idempotency-Key was used for another request in the last 24 hours; use a new one")
	}
	j, ok, err := tx.Job(rec.Job)
	return j, ok, err
}

func (s *Service) rememberStart(tx *store.Tx, o once, id int64) error {
	if o.key == "" {
		return nil
	}
	return tx.PutIdempotency(o.name(), store.IdempotencyRecord{
		Job: id, RequestSHA256: o.digest(), ExpiresAt: s.now().Add(idempotencyLife),
	})
}
