package job

import "time"

// ListSpec says what a list is to list.
type ListSpec struct {
	Archive string // empty: the repository's archives
	Path    string // the folder whose entries are wanted; empty: the topmost. Any bytes
}

// Archive is one archive of a repository, as borg's list has it.
type Archive struct {
	Name    string
	ID      string // 64 hexadecimal digits
	Start   time.Time
	RawName string // base64 of what borg stores, if Name is not that
}

// Entry is one entry of a folder in an archive.
type Entry struct {
	Path    string // as in the archive, without a leading slash; any bytes
	Type    string // as in ls -l: d, -, l, b, c, p, h
	Mode    string // as in ls -l: drwxr-xr-x
	Size    int64
	MTime   time.Time
	User    string
	Group   string
	UID     int64
	GID     int64
	Target  string // of a link; any bytes
	Implied bool   // a folder above what was backed up: not itself in the archive
}
