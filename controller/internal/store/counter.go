package store

import "encoding/binary"

// counters are the next ids. They only go up, also when the update that took
// one fails: an id that somebody may have seen is not given again. What is
// taken goes to the disk with the job or repository that has it.
type counters struct{ job, repository, audit, schedule, channel, rule int64 }

// NewJobID gives an id that no job has had.
func (tx *Tx) NewJobID() int64 {
	id := tx.s.next.job
	tx.s.next.job++
	tx.keep(tx.set([]byte(nextJobKey), number(uint64(tx.s.next.job))))
	return id
}

// NewRepositoryID gives an id that no repository has had.
func (tx *Tx) NewRepositoryID() int64 {
	id := tx.s.next.repository
	tx.s.next.repository++
	tx.keep(tx.set([]byte(nextRepositoryKey), number(uint64(tx.s.next.repository))))
	return id
}

// RepositoryIDGiven says whether some repository has, or had, the id.
func (tx *Tx) RepositoryIDGiven(id int64) bool { return id > 0 && id < tx.s.next.repository }

// keep remembers an error of a call that cannot return one; the update fails
// with it.
func (tx *Tx) keep(err error) {
	if tx.err == nil {
		tx.err = err
	}
}

// past makes sure that an id which came from elsewhere is not given again.
func (tx *Tx) past(id int64) error {
	if id < tx.s.next.job {
		return nil
	}
	tx.s.next.job = id + 1
	return tx.set([]byte(nextJobKey), number(uint64(tx.s.next.job)))
}

func decodeNumber(b []byte) int64 {
	if len(b) != 8 {
		return 0
	}
	return int64(binary.BigEndian.Uint64(b))
}
