package store

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"time"

	"github.com/dgraph-io/badger/v4"
	"google.golang.org/protobuf/proto"

	storev1 "borgfleet/shared/proto/store/v1"
)

// auditScan is how many entries one query looks at: with a filter that selects
// little, a page may have fewer entries than it could, and the next one goes on.
const auditScan = 50_000

// ErrAuditCursor says that a cursor was not made by AuditLog, or for another
// filter.
var ErrAuditCursor = errors.New("the cursor does not belong to this query")

// AuditFilter selects entries; what is empty selects everything.
type AuditFilter struct {
	Who, On      string
	Whats        []string
	Outcomes     []string
	Since, Until time.Time // from then on, and before then
}

func (f AuditFilter) selects(e AuditEntry) bool {
	return (f.Who == "" || f.Who == e.Who) && (f.On == "" || f.On == e.On) &&
		(len(f.Whats) == 0 || slices.Contains(f.Whats, e.What)) &&
		(len(f.Outcomes) == 0 || slices.Contains(f.Outcomes, e.Outcome))
}

// AuditLog gives up to limit entries that f selects, newest first, from where
// the cursor points (empty: the newest). The next cursor is empty at the end.
func (s *Store) AuditLog(f AuditFilter, cursor string, limit int) (entries []AuditEntry, next string, err error) {
	before, err := f.parseCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	err = s.db.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{Prefix: []byte{auditPrefix}, Reverse: true}) // values lie beside the keys
		defer it.Close()
		var last auditPosition
		looked := 0
		for it.Seek(before.key()); it.Valid(); it.Next() {
			at := auditPositionOf(it.Item().Key())
			if !f.Since.IsZero() && at.at < nanos(f.Since) {
				return nil
			}
			if len(entries) == limit || looked == auditScan {
				next = f.cursor(last)
				return nil
			}
			e, err := readAudit(it.Item())
			if err != nil {
				return err
			}
			if f.selects(e) {
				entries = append(entries, e)
			}
			last = at
			looked++
		}
		return nil
	})
	return entries, next, err
}

func readAudit(item *badger.Item) (AuditEntry, error) {
	var p storev1.AuditEntry
	err := item.Value(func(b []byte) error { return proto.Unmarshal(b, &p) })
	if err != nil {
		return AuditEntry{}, fmt.Errorf("read audit entry: %w", err)
	}
	return auditFromProto(&p), nil
}

const (
	auditCursorVersion = 1
	auditCursorSize    = 1 + 8 + 8 + 8
)

// cursor is a position as a client may keep it, bound to the filter: with
// another one it would silently skip entries.
func (f AuditFilter) cursor(p auditPosition) string {
	b := []byte{auditCursorVersion}
	b = binary.BigEndian.AppendUint64(b, uint64(p.at))
	b = binary.BigEndian.AppendUint64(b, uint64(p.id))
	b = binary.BigEndian.AppendUint64(b, f.hash())
	return base64.RawURLEncoding.EncodeToString(b)
}

// parseCursor gives the position below which the page begins.
func (f AuditFilter) parseCursor(s string) (auditPosition, error) {
	if s == "" {
		return f.newest(), nil
	}
	if len(s) != base64.RawURLEncoding.EncodedLen(auditCursorSize) {
		return auditPosition{}, ErrAuditCursor // the decoder skips line ends, so its length says nothing
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || b[0] != auditCursorVersion || binary.BigEndian.Uint64(b[17:]) != f.hash() {
		return auditPosition{}, ErrAuditCursor
	}
	p := auditPosition{int64(binary.BigEndian.Uint64(b[1:])), int64(binary.BigEndian.Uint64(b[9:]))}
	p.id--
	return p, nil
}

// newest is where the newest entry can be. No entry has the id 0, so one of
// just Until is left out.
func (f AuditFilter) newest() auditPosition {
	if f.Until.IsZero() {
		return auditPosition{math.MaxInt64, math.MaxInt64}
	}
	return auditPosition{nanos(f.Until), 0}
}

func (f AuditFilter) hash() uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%q %q %q %q %d %d", f.Who, f.On, f.Whats, f.Outcomes, nanos(f.Since), nanos(f.Until))
	return h.Sum64()
}

// nanos is t as keys have it. Years that do not go into a key are those that
// only a filter has, and nothing is beyond them.
func nanos(t time.Time) int64 {
	switch y := t.Year(); {
	case y < 1679:
		return math.MinInt64
	case y > 2261:
		return math.MaxInt64
	}
	return t.UnixNano()
}
