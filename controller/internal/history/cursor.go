package history

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
)

// ErrCursor says that a cursor was not made by Cursor, or for another filter.
var ErrCursor = errors.New("the cursor does not belong to this query")

const (
	cursorVersion = 1
	cursorSize    = 1 + 8 + 8 + 8
)

// Cursor is p as a client may keep it, bound to the filter: with another one it
// would silently skip or repeat jobs.
func (f Filter) Cursor(p Position) string {
	b := make([]byte, 0, cursorSize)
	b = append(b, cursorVersion)
	b = binary.BigEndian.AppendUint64(b, uint64(p.created))
	b = binary.BigEndian.AppendUint64(b, uint64(p.id))
	b = binary.BigEndian.AppendUint64(b, f.hash())
	return base64.RawURLEncoding.EncodeToString(b)
}

// ParseCursor reads what Cursor made for the same filter. The empty cursor is
// the beginning.
func (f Filter) ParseCursor(s string) (Position, error) {
	if s == "" {
		return Position{}, nil
	}
	if len(s) != base64.RawURLEncoding.EncodedLen(cursorSize) {
		return Position{}, ErrCursor // the decoder skips line ends, so its length says nothing
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != cursorSize || b[0] != cursorVersion {
		return Position{}, ErrCursor
	}
	p := Position{
		created: int64(binary.BigEndian.Uint64(b[1:])),
		id:      int64(binary.BigEndian.Uint64(b[9:])),
	}
	if binary.BigEndian.Uint64(b[17:]) != f.hash() || p.IsZero() {
		return Position{}, ErrCursor
	}
	return p, nil
}
