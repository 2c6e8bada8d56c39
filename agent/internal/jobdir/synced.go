package jobdir

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io/fs"
)

// journal/synced holds the first journal number that is not known to be on the
// disk: 8 bytes, CRC-32C. It is written after each fdatasync and not synced
// itself: whatever value survives is not above what is durable.

func encodeSynced(next uint64) []byte {
	b := binary.LittleEndian.AppendUint64(nil, next)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli()))
}

func decodeSynced(b []byte) (next uint64, ok bool) {
	if len(b) != 12 || crc32.Checksum(b[:8], castagnoli()) != binary.LittleEndian.Uint32(b[8:]) {
		return 0, false
	}
	return binary.LittleEndian.Uint64(b), true
}

// readSynced is 1 when nothing is known to be synced. A value that is just
// being written may be read torn: it is looked at again.
func readSynced(s store) (uint64, error) {
	for range 5 {
		b, err := s.read(fileSynced)
		if errors.Is(err, fs.ErrNotExist) {
			return 1, nil
		}
		if err != nil {
			return 0, err
		}
		if len(b) == 0 {
			return 1, nil // made, and nothing synced yet
		}
		if next, ok := decodeSynced(b); ok {
			return next, nil
		}
	}
	return 1, nil
}
