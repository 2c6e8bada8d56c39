package backup

import (
	"encoding/binary"
	"fmt"
	"io"
	"iter"
	"time"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"borgfleet/controller/internal/revoked"
	"borgfleet/controller/internal/store"
	storev1 "borgfleet/shared/proto/store/v1"
	"borgfleet/shared/version"
)

// Store is what is backed up.
type Store interface {
	ID() string
	Entries() iter.Seq2[store.Entry, error]
}

// Source is everything that goes into a backup.
type Source struct {
	Store       Store
	FleetID     string
	Revocations []revoked.Entry
	Authority   string        // its directory
	Recipient   age.Recipient // who can open the authority; nil: it is left out
	Now         time.Time
}

// Write writes a backup.
func Write(w io.Writer, s Source) error {
	// What can be refused is, before anything is written.
	var sealed []byte
	if s.Recipient != nil {
		var err error
		if sealed, err = sealAuthority(s.Authority, s.Recipient); err != nil {
			return err
		}
	}
	f, err := newFrames(w)
	if err != nil {
		return err
	}
	header := &storev1.BackupHeader{
		Format: format, StoreVersion: version.Store, StoreId: s.Store.ID(), FleetId: s.FleetID,
		CreatedAt: timestamppb.New(s.Now), Version: version.String(), Authority: s.Recipient != nil,
	}
	if err := putMessage(f, frameHeader, header); err != nil {
		return err
	}
	if s.Recipient != nil {
		if err := f.put(frameAuthority, sealed); err != nil {
			return err
		}
	}
	var shut []byte
	for _, e := range s.Revocations {
		shut = append(shut, e.Line()...)
	}
	if err := f.put(frameRevocations, shut); err != nil {
		return err
	}
	counted, err := putEntries(f, s.Store.Entries())
	if err != nil {
		return err
	}
	if err := putMessage(f, frameContents, contentsToProto(counted)); err != nil {
		return err
	}
	return f.close()
}

func putMessage(f *frames, kind byte, m proto.Message) error {
	b, err := proto.Marshal(m)
	if err != nil {
		return fmt.Errorf("write backup: %w", err)
	}
	return f.put(kind, b)
}

func contentsToProto(c store.Contents) *storev1.BackupContents {
	return &storev1.BackupContents{
		Entries: c.Entries, Jobs: c.Jobs, Agents: c.Agents, Repositories: c.Repositories, HighestJob: c.HighestJob,
	}
}

// putEntries packs entries together; what it counts is what it wrote.
func putEntries(f *frames, entries iter.Seq2[store.Entry, error]) (c store.Contents, err error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return c, fmt.Errorf("make packer: %w", err)
	}
	defer enc.Close()
	var raw, packed []byte
	flush := func() error {
		packed = enc.EncodeAll(raw, packed[:0])
		raw = raw[:0]
		return f.put(frameEntries, packed)
	}
	for e, err := range entries {
		if err != nil {
			return c, err
		}
		c.Count(e)
		raw = appendEntry(raw, e)
		if len(raw) >= fullFrame {
			if err := flush(); err != nil {
				return c, err
			}
		}
	}
	return c, flush()
}

func appendEntry(b []byte, e store.Entry) []byte {
	b = binary.AppendUvarint(b, uint64(len(e.Key)))
	b = append(b, e.Key...)
	b = binary.AppendUvarint(b, uint64(len(e.Value)))
	b = append(b, e.Value...)
	return binary.AppendUvarint(b, e.Expires)
}
