package borg

import (
	"encoding/json"
	"strings"
	"time"

	"borgfleet/shared/job"
)

// Archive is one archive as borg reports it. Sizes are bytes; in 1.x the
// original size holds metadata too (about 170 bytes a file), so it is a little
// above the sum of the file sizes that progress counts.
type Archive struct {
	ID, Name   string
	Start, End time.Time // zero: not reported
	Stats      *Stats    // nil: not reported
	RawName    string    // base64 of the stored name, if Name is not that
}

// Stats are an archive's figures.
type Stats struct {
	OriginalSize   int64
	CompressedSize int64
	DedupSize      int64 // what this archive added to the repository
	NFiles         int64
}

// Repository is what borg says about a repository.
type Repository struct {
	BorgID       string // 64 hexadecimal digits
	Location     string
	Encryption   string
	LastModified time.Time // zero: not reported
}

// Tell puts what borg says about the repository into a verdict.
func (r Repository) Tell(v *job.Verdict) {
	v.BorgID, v.Encryption, v.LastModified = r.BorgID, r.Encryption, r.LastModified
}

// Summary is any of borg's JSON answers. All is optional: which parts there
// are depends on the command and on the version.
type Summary struct {
	Archives   []Archive
	Repository Repository
}

type jsonArchive struct {
	ID    string          `json:"id"`
	Name  string          `json:"name"`
	Bytes json.RawMessage `json:"barchive"`
	Start string          `json:"start"`
	Time  string          `json:"time"`
	End   string          `json:"end"`
	Stats *struct {
		OriginalSize   int64 `json:"original_size"`
		CompressedSize int64 `json:"compressed_size"`
		DedupSize      int64 `json:"deduplicated_size"`
		NFiles         int64 `json:"nfiles"`
	} `json:"stats"`
}

type jsonRepository struct {
	ID           string `json:"id"`
	Location     string `json:"location"`
	LastModified string `json:"last_modified"`
}

type jsonEncryption struct {
	Mode string `json:"mode"`
}

func (a jsonArchive) archive() Archive {
	archive := Archive{ID: a.ID, Name: a.Name, RawName: rawName(a.Bytes), Start: borgTime(a.Start), End: borgTime(a.End)}
	if archive.Start.IsZero() {
		archive.Start = borgTime(a.Time)
	}
	if a.Stats != nil {
		archive.Stats = (*Stats)(a.Stats)
	}
	return archive
}

// ParseSummary reads the JSON that create, info and list print on stdout. Cut
// off or followed by something else it is an error: half of an answer is none.
func ParseSummary(stdout []byte) (Summary, error) {
	var answer struct {
		Archive    *jsonArchive   `json:"archive"`
		Archives   []jsonArchive  `json:"archives"`
		Encryption jsonEncryption `json:"encryption"`
		Repository jsonRepository `json:"repository"`
	}
	if err := json.Unmarshal(stdout, &answer); err != nil {
		return Summary{}, err
	}
	s := Summary{Repository: Repository{
		BorgID:       answer.Repository.ID,
		Location:     answer.Repository.Location,
		Encryption:   answer.Encryption.Mode,
		LastModified: borgTime(answer.Repository.LastModified),
	}}
	if answer.Archive != nil {
		answer.Archives = append(answer.Archives, *answer.Archive)
	}
	for _, a := range answer.Archives {
		s.Archives = append(s.Archives, a.archive())
	}
	return s, nil
}

// borgTime reads borg's times: without a zone they are local, and local is UTC
// for us.
func borgTime(s string) time.Time {
	for _, layout := range []string{"2006-01-02T15:04:05.999999", time.RFC3339Nano} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}

// figures are the final ones of a good end.
func (s Stats) figures() job.Progress {
	return job.Progress{
		OriginalSize:   s.OriginalSize,
		CompressedSize: s.CompressedSize,
		DedupSize:      s.DedupSize,
		NFiles:         s.NFiles,
	}
}

// checkpoint says whether borg made the archive in passing. It is not a backup.
func (a Archive) checkpoint() bool {
	return strings.HasSuffix(a.Name, ".checkpoint") || strings.Contains(a.Name, ".checkpoint.")
}
