package borg

import (
	"bytes"
	"encoding/binary"
)

// dirent is one entry of a directory as getdents64 gives it. Reading them
// directly spares an lstat for everything that has no size, and a sort.
type dirent struct {
	name []byte // with its NUL; nil: one to pass over ("." and "..", removed entries)
	typ  byte
}

// nextDirent splits off the first entry: inode (8 bytes), offset (8), record
// length (2), type (1), name up to a NUL.
func nextDirent(b []byte) (d dirent, rest []byte) {
	const header = 8 + 8 + 2 + 1
	if len(b) < header {
		return dirent{}, nil
	}
	size := int(binary.NativeEndian.Uint16(b[16:]))
	if size < header || size > len(b) {
		return dirent{}, nil
	}
	rest = b[size:]
	if binary.NativeEndian.Uint64(b) == 0 {
		return dirent{}, rest
	}
	name := b[header:size]
	end := bytes.IndexByte(name, 0)
	if end <= 0 || string(name[:end]) == "." || string(name[:end]) == ".." {
		return dirent{}, rest
	}
	return dirent{name: name[:end+1], typ: b[18]}, rest
}
