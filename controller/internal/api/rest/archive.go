package rest

// ArchiveList is what is known of a repository's archives.
type ArchiveList struct {
	Archives BorgList   `json:"archives"`
	AsOf     *Time      `json:"as_of"`
	Refresh  *Refresh   `json:"refresh"`
	Vanished []Vanished `json:"vanished"`
}

// Vanished is an archive that was there, is gone, and that no job of the fleet
// removed.
type Vanished struct {
	Name         string `json:"name"`
	ID           string `json:"id"`
	Start        string `json:"start"` // as borg writes it
	VanishedAt   *Time  `json:"vanished_at"`
	OriginalSize *int64 `json:"original_size"`
	NFiles       *int64 `json:"nfiles"`
	JobID        *int64 `json:"job_id"`
}

// Acknowledge names vanished archives that were meant to go; none: all of them.
type Acknowledge struct {
	Archives []string `json:"archives,omitempty"` // names or ids
}

// Acknowledged says what came of it.
type Acknowledged struct {
	Archives  []string `json:"archives"`
	Remaining int      `json:"remaining"`
}

// BorgList is the object that borg list --json prints, with our figures in each
// archive.
type BorgList struct {
	Archives   []Archive      `json:"archives"`
	Encryption BorgEncryption `json:"encryption"`
	Repository BorgRepository `json:"repository"`
}

// Archive is an archive in borg's words, and below in ours. Its times are
// borg's: UTC, without a zone.
type Archive struct {
	Archive  string `json:"archive"`
	Barchive string `json:"barchive"`
	ID       string `json:"id"`
	Name     string `json:"name"`
	Start    string `json:"start"`
	Time     string `json:"time"`

	OriginalSize *int64 `json:"original_size"`
	NFiles       *int64 `json:"nfiles"`
	JobID        *int64 `json:"job_id"`
}

// BorgEncryption is how a repository is encrypted.
type BorgEncryption struct {
	Mode string `json:"mode"`
}

// BorgRepository is a repository in borg's words.
type BorgRepository struct {
	ID           string `json:"id"`
	LastModified string `json:"last_modified"`
	Location     string `json:"location"`
}

// Contents is one page of a folder in an archive.
type Contents struct {
	Archive    string  `json:"archive"`
	Repository string  `json:"repository"`
	Path       string  `json:"path"`
	Entries    []Entry `json:"entries"`
	NextCursor *string `json:"next_cursor"`
	JobID      int64   `json:"job_id"`
}

// Entry is one entry of a folder. PathBase64 is for paths that are not UTF-8,
// which Path can only hint at.
type Entry struct {
	Name       string  `json:"name"`
	Path       string  `json:"path"`
	PathBase64 *string `json:"path_base64"`
	Type       string  `json:"type"`
	Mode       string  `json:"mode"`
	Size       int64   `json:"size"`
	MTime      *Time   `json:"mtime"`
	User       string  `json:"user"`
	Group      string  `json:"group"`
	UID        int64   `json:"uid"`
	GID        int64   `json:"gid"`
	Target     *string `json:"target"`
	Implied    bool    `json:"implied"`
}

// RestoreRequest asks for a restore.
type RestoreRequest struct {
	Repository  string   `json:"repository"`
	Agent       string   `json:"agent,omitempty"`
	Archive     string   `json:"archive"`
	Paths       []string `json:"paths,omitempty"`
	PathsBase64 []string `json:"paths_base64,omitempty"`
	Destination string   `json:"destination"`
}
