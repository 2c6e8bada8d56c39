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
	formerAgentPrefix = 'f'
	repositoryPrefix  = 'r'
	joinTokenPrefix   = 't'
	userPrefix        = 'u'
	idempotencyPrefix = 'i'
	apiTokenPrefix    = 'p' // + id
	endedLoginPrefix  = 'e' // + id of the login: when it would have ended by itself
	cataloguePrefix   = 'c' // + repository id: the head
	archivePrefix     = 'v' // + repository id + archive id: one archive
	newListPrefix     = 'n' // + job id: a list that is not in the catalogue yet
	heldPrefix        = 'd' // + repository id + agent id: a definition that the agent holds and this store does not

	formerRepositoryPrefix = 'q' // + id
	auditPrefix            = 'w' // + time + id: an entry of the audit log
	recoveryKeyPrefix      = 'y' // + number
	schedulePrefix         = 'g' // + id
	stepPrefix             = 'x' // + key of a backup + kind + agent id: that agent's job which followed it
	copiesPrefix           = 's' // + repository id: what is kept of it for the recovery keys
	foldedPrefix           = 'o' // + month + repository id + kind + agent id: the tallies of jobs that are gone
	leavingPrefix          = 'z' // + job id: a log of which not everything is removed yet

	channelPrefix      = 'C' // + id
	rulePrefix         = 'R' // + id
	outboxPrefix       = 'O' // + channel id: where it stands
	notificationPrefix = 'N' // + channel id + sequence
	joinTokenUsePrefix = 'J' // + hash + SHA-256 of a public key: the enrolment
	conditionPrefix    = 'E' // + what + 0 + subject
)

const (
	storeIDKey        = "mid"
	nextJobKey        = "mnext-job"
	nextRepositoryKey = "mnext-repository"
	nextAuditKey      = "mnext-audit"
	nextScheduleKey   = "mnext-schedule"
	pingKey           = "mping" // when the store was last written to see whether it can be
	nextChannelKey    = "mnext-channel"
	nextRuleKey       = "mnext-rule"
	restoredKey       = "mrestored" // how this store was made, if from a backup
	logBytesKey       = "mlog-bytes"
	expiredKey        = "mexpired"       // when the newest job that is gone had ended
	removedKey        = "mremoved"       // bytes that were removed since the tables were last packed
	padKey            = "mpad"           // see GiveBack
	auditRemovedKey   = "maudit-removed" // the place of the newest entry of the audit log that is gone
)

func idKey(prefix byte, id int64) []byte {
	return binary.BigEndian.AppendUint64([]byte{prefix}, uint64(id))
}

func guardKey(k job.Key) []byte { return append([]byte{guardPrefix}, k[:]...) }

// stepKey has the agent in it: what one says that it follows must not stand in the
// place of what another one made.
func stepKey(parent job.Key, kind job.Kind, agent string) []byte {
	return append(append(append([]byte{stepPrefix}, parent[:]...), kind...), agent...)
}

func nameKey(prefix byte, name string) []byte { return append([]byte{prefix}, name...) }

func logKey(id int64, first uint64) []byte {
	return binary.BigEndian.AppendUint64(idKey(logPrefix, id), first)
}

func archiveKey(repository int64, id string) []byte {
	return append(idKey(archivePrefix, repository), id...)
}

func heldKey(repository int64, agent string) []byte {
	return append(idKey(heldPrefix, repository), agent...)
}

func notificationKey(channel, sequence int64) []byte {
	return binary.BigEndian.AppendUint64(idKey(notificationPrefix, channel), uint64(sequence))
}

func conditionKey(what, subject string) []byte {
	return append(append(append([]byte{conditionPrefix}, what...), 0), subject...)
}

func firstOf(logKey []byte) uint64 {
	if len(logKey) < 17 {
		return 0
	}
	return binary.BigEndian.Uint64(logKey[9:])
}

func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
