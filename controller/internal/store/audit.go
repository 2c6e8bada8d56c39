package store

import (
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	storev1 "borgfleet/shared/proto/store/v1"
)

// AuditEntry is one line of the audit log: something that was done, or refused.
// It is written once, not changed, and removed by its age alone.
type AuditEntry struct {
	ID      int64
	At      time.Time
	Who     string // the user, the agent's name, or the controller; empty: nobody who is known
	Via     string // what that was proven with
	From    string // the address
	What    string
	On      string // what it was done to: job/12, agent/ID
	Detail  string // what a person wants to know beside that; never what a caller sent as a secret
	Outcome string
	Code    string // why it was refused, or failed
	Count   int64  // how often; more than once only where entries were left out
}

// mostAuditText keeps what others wrote from filling the log: names and
// messages are some hundred bytes at most.
const mostAuditText = 512

// Audit adds an entry to the audit log: in the update of the change that it is
// about, so that there is neither without the other. ID is given here, and so
// is At, which is when the update is made.
func (tx *Tx) Audit(e AuditEntry) error {
	e.ID = tx.s.next.audit
	tx.s.next.audit++
	e.At = tx.s.opt.Now().UTC()
	e.Count = max(1, e.Count)
	b, err := proto.Marshal(auditToProto(e))
	if err != nil {
		return fmt.Errorf("encode audit entry: %w", err)
	}
	if err := tx.set([]byte(nextAuditKey), number(uint64(tx.s.next.audit))); err != nil {
		return err
	}
	tx.OnCommit(func() { tx.s.stats.audited.Add(1) })
	return tx.set(auditPosition{nanos(e.At), e.ID}.key(), b)
}

// About says for the audit log what this update is about, where the one who
// asked for it could not know: the id of something new, the old value beside
// the new one. The last call counts.
func (tx *Tx) About(on, detail string) { tx.on, tx.detail = on, detail }

func auditToProto(e AuditEntry) *storev1.AuditEntry {
	return &storev1.AuditEntry{
		Id: e.ID, At: stamp(e.At), Who: auditText(e.Who), Via: auditText(e.Via), From: auditText(e.From),
		What: auditText(e.What), On: auditText(e.On), Detail: auditText(e.Detail),
		Outcome: auditText(e.Outcome), Code: auditText(e.Code), Count: e.Count,
	}
}

func auditFromProto(p *storev1.AuditEntry) AuditEntry {
	return AuditEntry{
		ID: p.Id, At: instant(p.At), Who: p.Who, Via: p.Via, From: p.From, What: p.What, On: p.On,
		Detail: p.Detail, Outcome: p.Outcome, Code: p.Code, Count: p.Count,
	}
}

func auditText(s string) string {
	if len(s) > mostAuditText {
		s = strings.ToValidUTF8(s[:mostAuditText], "") + "…"
	}
	return text(s)
}

// auditPosition is where an entry is in the log: by time, then by id. Where a
// clock was set back the ids still tell in which order things happened.
type auditPosition struct{ at, id int64 }

func (p auditPosition) key() []byte {
	key := binary.BigEndian.AppendUint64([]byte{auditPrefix}, uint64(p.at)^1<<63) // in order before 1970, too
	return binary.BigEndian.AppendUint64(key, uint64(p.id))
}

func auditPositionOf(key []byte) auditPosition {
	if len(key) != 17 {
		return auditPosition{}
	}
	return auditPosition{int64(binary.BigEndian.Uint64(key[1:]) ^ 1<<63), int64(binary.BigEndian.Uint64(key[9:]))}
}
