package wire

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
)

// EncodeArchive makes the Data of a journal record.
func EncodeArchive(a job.Archive) ([]byte, error) {
	b, err := proto.Marshal(fromArchive(a))
	if err != nil {
		return nil, fmt.Errorf("encode archive: %w", err)
	}
	return b, nil
}

// DecodeArchive reads what EncodeArchive wrote.
func DecodeArchive(data []byte) (job.Archive, error) {
	var p fleetv1.Archive
	if err := proto.Unmarshal(data, &p); err != nil {
		return job.Archive{}, fmt.Errorf("read archive: %w", err)
	}
	return toArchive(&p), nil
}

// EncodeEntry makes the Data of a journal record.
func EncodeEntry(e job.Entry) ([]byte, error) {
	b, err := proto.Marshal(&fleetv1.Entry{
		Path: []byte(e.Path), Type: e.Type, Mode: text(e.Mode), Size: e.Size, Mtime: stamp(e.MTime),
		User: text(e.User), Group: text(e.Group), Uid: e.UID, Gid: e.GID, Target: []byte(e.Target), Implied: e.Implied,
	})
	if err != nil {
		return nil, fmt.Errorf("encode entry: %w", err)
	}
	return b, nil
}

// DecodeEntry reads what EncodeEntry wrote.
func DecodeEntry(data []byte) (job.Entry, error) {
	var p fleetv1.Entry
	if err := proto.Unmarshal(data, &p); err != nil {
		return job.Entry{}, fmt.Errorf("read entry: %w", err)
	}
	return job.Entry{
		Path: string(p.Path), Type: p.Type, Mode: p.Mode, Size: p.Size, MTime: instant(p.Mtime),
		User: p.User, Group: p.Group, UID: p.Uid, GID: p.Gid, Target: string(p.Target), Implied: p.Implied,
	}, nil
}
