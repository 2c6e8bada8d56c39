package history

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// rowVersion is the first byte of an encoded row. A field is added by a new
// version; the old ones stay readable. A row is written anew when its job
// changes, and not else: a row of version 1 does not tell when its job started, nor
// one of version 2 when its end was recorded.
const rowVersion = 3

// The fixed part of version 1: version, kind, status, trigger, id, created,
// ended, repository, schedule, original, dedup; since version 2, started; since
// version 3, recorded. The agent's id is the rest.
const (
	rowFixed1 = 4 + 8 + 8 + 4 + 8 + 8 + 8 + 8
	rowFixed2 = rowFixed1 + 4
	rowFixed  = rowFixed2 + 4
)

// rowLogGone is set in the byte of the trigger when the job's log was removed.
const rowLogGone = 1 << 7

var errShortRow = errors.New("the row is cut short")

// AppendRow appends r's stored form to b.
func AppendRow(b []byte, r Row) []byte {
	trigger := triggerCode(r.TriggeredBy)
	if r.LogGone {
		trigger |= rowLogGone
	}
	b = append(b, rowVersion, kindCode(r.Kind), statusCode(r.Status), trigger)
	b = binary.LittleEndian.AppendUint64(b, uint64(r.ID))
	b = binary.LittleEndian.AppendUint64(b, uint64(nanos(r.CreatedAt)))
	b = binary.LittleEndian.AppendUint32(b, seconds(r.EndedAt))
	b = binary.LittleEndian.AppendUint64(b, uint64(r.Repository))
	b = binary.LittleEndian.AppendUint64(b, uint64(r.Schedule))
	b = binary.LittleEndian.AppendUint64(b, uint64(r.Original))
	b = binary.LittleEndian.AppendUint64(b, uint64(r.Dedup))
	b = binary.LittleEndian.AppendUint32(b, seconds(r.StartedAt))
	b = binary.LittleEndian.AppendUint32(b, seconds(r.RecordedAt))
	return append(b, r.Agent...)
}

// DecodeRow reads what AppendRow wrote.
func DecodeRow(b []byte) (Row, error) {
	p, err := decode(b)
	if err != nil {
		return Row{}, err
	}
	return Row{
		ID: p.pos.id, CreatedAt: fromNanos(p.pos.created), StartedAt: fromSeconds(p.started), EndedAt: fromSeconds(p.ended),
		Agent: string(p.agent), Repository: p.repository, Schedule: p.schedule,
		Kind: kindOf(p.kind), Status: statusOf(p.status), TriggeredBy: triggerOf(p.trigger),
		Original: p.original, Dedup: p.dedup, LogGone: p.logGone, RecordedAt: fromSeconds(p.recorded),
	}, nil
}

// packed is a decoded row that still points into its bytes: loading a million
// rows must not make a million strings.
type packed struct {
	pos                   Position
	kind, status, trigger uint8
	logGone               bool
	started, ended        uint32
	recorded              uint32
	repository, schedule  int64
	original, dedup       int64
	agent                 []byte
}

// CheckRow says whether an encoded row reads.
func CheckRow(b []byte) error {
	if _, err := decode(b); err != nil {
		return fmt.Errorf("read history row: %w", err)
	}
	return nil
}

func decode(b []byte) (packed, error) {
	if len(b) < rowFixed1 {
		return packed{}, errShortRow
	}
	p := packed{kind: b[1], status: b[2], trigger: b[3] &^ rowLogGone, logGone: b[3]&rowLogGone != 0}
	switch version := b[0]; {
	case version == 1:
		p.agent = b[rowFixed1:]
	case version > rowVersion || version == 0:
		return packed{}, fmt.Errorf("unknown row version %d", version)
	case len(b) < rowFixed2 || version == rowVersion && len(b) < rowFixed:
		return packed{}, errShortRow
	case version == 2:
		p.started, p.agent = binary.LittleEndian.Uint32(b[rowFixed1:]), b[rowFixed2:]
	default:
		p.started, p.recorded, p.agent = binary.LittleEndian.Uint32(b[rowFixed1:]), binary.LittleEndian.Uint32(b[rowFixed2:]), b[rowFixed:]
	}
	if kindOf(p.kind) == "" || statusOf(p.status) == "" || triggerOf(p.trigger) == "" {
		return packed{}, fmt.Errorf("unknown kind %d, status %d or trigger %d", p.kind, p.status, p.trigger)
	}
	u := func(at int) int64 { return int64(binary.LittleEndian.Uint64(b[at:])) }
	p.pos = Position{id: u(4), created: u(12)}
	p.ended = binary.LittleEndian.Uint32(b[20:])
	p.repository, p.schedule, p.original, p.dedup = u(24), u(32), u(40), u(48)
	return p, nil
}

func pack(r Row) packed {
	return packed{
		pos:  r.Position(),
		kind: kindCode(r.Kind), status: statusCode(r.Status), trigger: triggerCode(r.TriggeredBy),
		started: seconds(r.StartedAt), ended: seconds(r.EndedAt), repository: r.Repository, schedule: r.Schedule,
		original: r.Original, dedup: r.Dedup, logGone: r.LogGone, recorded: seconds(r.RecordedAt), agent: []byte(r.Agent),
	}
}

// good says whether the row is a backup to rely on.
func (p packed) good() bool { return p.backup() && statusOf(p.status).Good() }

func (p packed) backup() bool { return kindOf(p.kind) == "backup" }
