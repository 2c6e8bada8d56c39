package backup

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/klauspost/compress/zstd"
	"google.golang.org/protobuf/proto"

	"borgfleet/controller/internal/revoked"
	"borgfleet/controller/internal/store"
	storev1 "borgfleet/shared/proto/store/v1"
	"borgfleet/shared/version"
)

// Manifest is what a backup says of itself.
type Manifest struct {
	FleetID      string
	StoreID      string
	StoreVersion int
	Version      string // of the controller that wrote it
	CreatedAt    time.Time
	Authority    bool // the certificate authority is in it, encrypted
	store.Contents
}

// Reader reads a backup. What it gives is good only if it comes to the end
// without an error: the sum stands there.
type Reader struct {
	in          *unframer
	manifest    Manifest
	authority   []byte
	revocations []revoked.Entry
	counted     store.Contents
	told        *storev1.BackupContents
}

// NewReader reads the header, and refuses what is no backup or too new.
func NewReader(r io.Reader) (*Reader, error) {
	in, err := newUnframer(r)
	if err != nil {
		return nil, err
	}
	kind, payload, err := in.next()
	if errors.Is(err, io.EOF) || err == nil && kind != frameHeader {
		return nil, ErrDamaged
	}
	if err != nil {
		return nil, err
	}
	var h storev1.BackupHeader
	if err := proto.Unmarshal(payload, &h); err != nil {
		return nil, ErrDamaged
	}
	if h.Format != format || h.StoreVersion > version.Store {
		return nil, fmt.Errorf("the backup was written by borgfleet-controller %s (format %d, store version %d); this one (%s) reads format %d with store versions up to %d: use the version that wrote it, or a later one, unless the file is damaged",
			h.Version, h.Format, h.StoreVersion, version.String(), format, version.Store)
	}
	return &Reader{in: in, manifest: Manifest{
		FleetID: h.FleetId, StoreID: h.StoreId, StoreVersion: int(h.StoreVersion), Version: h.Version,
		CreatedAt: h.CreatedAt.AsTime(), Authority: h.Authority,
	}}, nil
}

// Entries gives the entries of the store. Its last step is an error unless the
// whole backup is as it was written.
func (r *Reader) Entries() iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(mostFrame))
		if err != nil {
			yield(store.Entry{}, fmt.Errorf("make unpacker: %w", err))
			return
		}
		defer dec.Close()
		for {
			kind, payload, err := r.in.next()
			if errors.Is(err, io.EOF) {
				if err := r.end(); err != nil {
					yield(store.Entry{}, err)
				}
				return
			}
			if err == nil && kind != frameEntries {
				err = r.other(kind, payload)
			}
			if err != nil {
				yield(store.Entry{}, err)
				return
			}
			if kind == frameEntries && !r.unpack(dec, payload, yield) {
				return
			}
		}
	}
}

func (r *Reader) unpack(dec *zstd.Decoder, payload []byte, yield func(store.Entry, error) bool) (going bool) {
	raw, err := dec.DecodeAll(payload, nil)
	for err == nil && len(raw) > 0 {
		var e store.Entry
		if e, raw, err = cutEntry(raw); err != nil {
			break
		}
		r.counted.Count(e)
		if !yield(e, nil) {
			return false
		}
	}
	if err != nil {
		yield(store.Entry{}, ErrDamaged)
	}
	return err == nil
}

func cutEntry(raw []byte) (e store.Entry, rest []byte, err error) {
	if e.Key, raw, err = cutBytes(raw); err != nil {
		return e, nil, err
	}
	if e.Value, raw, err = cutBytes(raw); err != nil {
		return e, nil, err
	}
	expires, n := binary.Uvarint(raw)
	if n <= 0 {
		return e, nil, ErrDamaged
	}
	e.Expires = expires
	return e, raw[n:], nil
}

func cutBytes(raw []byte) (b, rest []byte, err error) {
	size, n := binary.Uvarint(raw)
	if n <= 0 || size > uint64(len(raw)-n) {
		return nil, nil, ErrDamaged
	}
	raw = raw[n:]
	return raw[:size:size], raw[size:], nil
}

// other takes a frame that holds no entries.
func (r *Reader) other(kind byte, payload []byte) (err error) {
	switch kind {
	case frameAuthority:
		r.authority = payload
	case frameRevocations:
		if r.revocations, err = revoked.Parse(bytes.NewReader(payload)); err != nil {
			return ErrDamaged
		}
	case frameContents:
		r.told = new(storev1.BackupContents)
		if proto.Unmarshal(payload, r.told) != nil {
			return ErrDamaged
		}
	default:
		return ErrDamaged
	}
	return nil
}

func (r *Reader) end() error {
	if r.told == nil || !proto.Equal(r.told, contentsToProto(r.counted)) || r.manifest.Authority != (r.authority != nil) {
		return ErrDamaged
	}
	r.manifest.Contents = r.counted
	return nil
}

// Manifest is complete after the last of Entries.
func (r *Reader) Manifest() Manifest { return r.manifest }

// Verify reads a backup to its end, and every record in it as a controller
// would.
func Verify(r io.Reader) (Manifest, error) {
	in, err := NewReader(r)
	if err != nil {
		return Manifest{}, err
	}
	return in.verify()
}

func (r *Reader) verify() (Manifest, error) {
	records, err := store.NewReader()
	if err != nil {
		return Manifest{}, err
	}
	defer records.Close()
	// The sum decides before what a record is blamed for: it stands at the end.
	var bad error
	for e, err := range r.Entries() {
		if err != nil {
			return Manifest{}, err
		}
		if err := records.Check(e); err != nil && bad == nil {
			bad = fmt.Errorf("the backup is as it was written, but the store it was made of was damaged: %w", err)
		}
	}
	return r.Manifest(), bad
}
