package jobdir

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// ErrDamaged is a file whose checksum does not match its contents.
var ErrDamaged = errors.New("damaged")

// A frame is magic, length, CRC-32C over length and payload, payload.
const (
	frameMagic = "bfl1"
	frameHead  = len(frameMagic) + 8
)

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

func sum(length []byte, payload []byte) uint32 {
	t := castagnoli()
	return crc32.Update(crc32.Checksum(length, t), t, payload)
}

// appendFrame adds one framed payload to b.
func appendFrame(b, payload []byte) []byte {
	b = append(b, frameMagic...)
	var head [8]byte
	binary.LittleEndian.PutUint32(head[:4], uint32(len(payload)))
	binary.LittleEndian.PutUint32(head[4:], sum(head[:4], payload))
	return append(append(b, head[:]...), payload...)
}

// nextFrame takes the first frame off b.
func nextFrame(b []byte) (payload, rest []byte, err error) {
	if len(b) < frameHead || string(b[:len(frameMagic)]) != frameMagic {
		return nil, nil, ErrDamaged
	}
	head := b[len(frameMagic):frameHead]
	n := binary.LittleEndian.Uint32(head[:4])
	if uint64(n) > uint64(len(b)-frameHead) {
		return nil, nil, ErrDamaged
	}
	payload = b[frameHead : frameHead+int(n)]
	if sum(head[:4], payload) != binary.LittleEndian.Uint32(head[4:]) {
		return nil, nil, ErrDamaged
	}
	return payload, b[frameHead+int(n):], nil
}
