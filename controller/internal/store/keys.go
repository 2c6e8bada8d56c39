package store

import (
	"encoding/binary"

	"borgfleet/shared/job"
)

// The first byte of a key says what is under it. A byte is never used for
// something else.
const (
	metaPrefix        = 'm'
	jobPrefix         = 'j' // + id: the record
	rowPrefix         = 'h' // + id: the row of the history index
	guardPrefix       = 'k' // + job key: the id
	logPrefix         = 'l' // + id + number of the first line: a chunk
	agentPrefix       = 'a'
	repositoryPrefix  = 'r'
	joinTokenPrefix   = 't'
	userPrefix        = 'u'
	idempotencyPrefix = 'i'
)

const (
	storeIDKey        = "mid"
	nextJobKey        = "mnext-job"
	nextRepositoryKey = "mnext-repository"
)

func idKey(prefix byte, id int64) []byte {
	return binary.BigEndian.AppendUint64([]byte{prefix}, uint64(id))
}

func guardKey(k job.Key) []byte { return append([]byte{guardPrefix}, k[:]...) }

func nameKey(prefix byte, name string) []byte { return append([]byte{prefix}, name...) }

func logKey(id int64, first uint64) []byte {
	return binary.BigEndian.AppendUint64(idKey(logPrefix, id), first)
}

func firstOf(logKey []byte) uint64 {
	if len(logKey) < 17 {
		return 0
	}
	return binary.BigEndian.Uint64(logKey[9:])
}

func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
