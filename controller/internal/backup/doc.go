// Package backup writes the controller's data into one file, checks such a file
// and makes a data directory of it.
//
// A backup is a line that says what it is, then frames:
//
//	type (1 byte), length (4 bytes, big endian), payload
//
//	H  header: format, fleet, store, when            first
//	A  the certificate authority, encrypted with age  at most one
//	R  revocations, as in their file
//	E  entries of the store, packed with zstd         any number
//	C  contents: what there must be in it
//	S  SHA-256 of every byte before this frame        last
//
// A file that was cut off has no S, and one in which a bit has changed has
// another sum, so neither passes for a backup.
package backup

// magic is the first line.
const magic = "borgfleet controller backup\n"

// format is the version of this file format.
//
//	1  2026-11-25
const format = 1

const (
	frameHeader      = 'H'
	frameAuthority   = 'A'
	frameRevocations = 'R'
	frameEntries     = 'E'
	frameContents    = 'C'
	frameSum         = 'S'
)

// fullFrame is how much is packed together; an entry may exceed it.
const fullFrame = 1 << 20

// mostFrame bounds what a reader takes into memory for one frame.
const mostFrame = 64 << 20
