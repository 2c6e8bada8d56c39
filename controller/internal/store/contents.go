package store

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"borgfleet/controller/internal/history"
	"borgfleet/shared/job"
	storev1 "borgfleet/shared/proto/store/v1"
)

// Contents counts what is in a store.
type Contents struct {
	Entries      int64
	Jobs         int64
	Agents       int64
	Repositories int64
	LogChunks    int64
	LogBytes     int64 // packed
	Audit        int64
	OldestAudit  time.Time
	Others       int64
	HighestJob   int64
}

// Reader looks at the entries of a store from outside.
type Reader struct {
	Contents
	codec codec
}

// NewReader makes one. Close it.
func NewReader() (*Reader, error) {
	c, err := newCodec()
	return &Reader{codec: c}, err
}

// Close gives the reader's memory back.
func (r *Reader) Close() { r.codec.close() }

// Count counts an entry without looking into it.
func (c *Contents) Count(e Entry) {
	c.Entries++
	if len(e.Key) == 0 {
		return
	}
	switch e.Key[0] {
	case jobPrefix:
		c.Jobs++
		c.HighestJob = max(c.HighestJob, decodeNumber(e.Key[1:]))
	case agentPrefix:
		c.Agents++
	case repositoryPrefix:
		c.Repositories++
	case logPrefix:
		c.LogChunks++
		c.LogBytes += int64(len(e.Value))
	case auditPrefix:
		if c.Audit++; c.Audit == 1 { // entries come in order
			c.OldestAudit = time.Unix(0, auditPositionOf(e.Key).at).UTC()
		}
	default:
		c.Others++
	}
}

// Check counts an entry and reads it as a start of the controller would, and
// what that leaves for later as well: jobs that have ended, and their logs.
func (r *Reader) Check(e Entry) error {
	r.Count(e)
	if len(e.Key) == 0 {
		return fmt.Errorf("an entry without a key: %w", errEntry)
	}
	if err := r.check(e); err != nil {
		return fmt.Errorf("entry %.40q: %w", e.Key, err)
	}
	return nil
}

func (r *Reader) check(e Entry) error {
	switch e.Key[0] {
	case metaPrefix:
		return checkMeta(e)
	case jobPrefix:
		j, err := decodeJob(e.Value)
		if err == nil && j.ID != decodeNumber(e.Key[1:]) {
			return errEntry
		}
		return err
	case rowPrefix:
		return history.CheckRow(e.Value)
	case logPrefix:
		return r.checkChunk(e)
	case guardPrefix:
		if _, err := job.KeyFromBytes(e.Key[1:]); err != nil {
			return err
		}
		return checkNumber(e.Value)
	case endedLoginPrefix, newListPrefix, stepPrefix, leavingPrefix:
		return checkNumber(e.Value)
	case foldedPrefix:
		return checkFolded(e)
	}
	m := messageOf(e.Key[0])
	if m == nil {
		return fmt.Errorf("a newer controller wrote it: %w", errEntry)
	}
	return proto.Unmarshal(e.Value, m)
}

// messageOf is what is stored under a prefix; nil: nothing that is known here.
func messageOf(prefix byte) proto.Message {
	switch prefix {
	case agentPrefix, formerAgentPrefix:
		return new(storev1.Agent)
	case repositoryPrefix, formerRepositoryPrefix:
		return new(storev1.Repository)
	case joinTokenPrefix:
		return new(storev1.JoinToken)
	case joinTokenUsePrefix:
		return new(storev1.JoinTokenUse)
	case userPrefix:
		return new(storev1.User)
	case idempotencyPrefix:
		return new(storev1.IdempotencyKey)
	case apiTokenPrefix:
		return new(storev1.ApiToken)
	case cataloguePrefix:
		return new(storev1.Catalogue)
	case archivePrefix:
		return new(storev1.CatalogueArchive)
	case heldPrefix:
		return new(storev1.HeldRepository)
	case auditPrefix:
		return new(storev1.AuditEntry)
	case copiesPrefix:
		return new(storev1.RecoveryCopies)
	case recoveryKeyPrefix:
		return new(storev1.RecoveryKey)
	case schedulePrefix:
		return new(storev1.Schedule)
	case channelPrefix:
		return new(storev1.Channel)
	case rulePrefix:
		return new(storev1.Rule)
	case outboxPrefix:
		return new(storev1.Outbox)
	case notificationPrefix:
		return new(storev1.Notification)
	case conditionPrefix:
		return new(storev1.Condition)
	}
	return nil
}

func checkFolded(e Entry) error {
	if _, ok := foldedKeyOf(e.Key); !ok {
		return errEntry
	}
	_, err := history.DecodeMonth(e.Value)
	return err
}

func checkMeta(e Entry) error {
	switch string(e.Key) {
	case nextJobKey, nextRepositoryKey, nextAuditKey, nextScheduleKey, nextChannelKey, nextRuleKey, logBytesKey, expiredKey, removedKey:
		return checkNumber(e.Value)
	case restoredKey:
		return proto.Unmarshal(e.Value, new(storev1.Restored))
	}
	return nil
}

func checkNumber(b []byte) error {
	if len(b) != 8 {
		return errEntry
	}
	return nil
}

func (r *Reader) checkChunk(e Entry) error {
	if len(e.Key) != 17 {
		return errEntry
	}
	recs, err := r.codec.unpack(e.Value)
	if err == nil && recs[0].Number != firstOf(e.Key) {
		return errEntry
	}
	return err
}
