package fleet

import (
	"encoding/base64"
	"encoding/binary"

	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

// folderPlace is a place in a folder: how far one list of it was read. Another
// list of the same folder has its entries in other lines.
type folderPlace struct {
	job  int64
	line uint64
}

const (
	placeVersion = 1
	placeSize    = 1 + 8 + 8
)

// cursor is the place as a client may keep it.
func (p folderPlace) cursor() string {
	b := make([]byte, 0, placeSize)
	b = append(b, placeVersion)
	b = binary.BigEndian.AppendUint64(b, uint64(p.job))
	b = binary.BigEndian.AppendUint64(b, p.line)
	return base64.RawURLEncoding.EncodeToString(b)
}

func parsePlace(cursor string) (p folderPlace, ok bool) {
	if len(cursor) != base64.RawURLEncoding.EncodedLen(placeSize) {
		return p, false // the decoder skips line ends, so its length says nothing
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(b) != placeSize || b[0] != placeVersion {
		return p, false
	}
	return folderPlace{job: int64(binary.BigEndian.Uint64(b[1:])), line: binary.BigEndian.Uint64(b[9:])}, true
}

// folderPlace reads a cursor. It is a client's word: only the list that is asked
// for may answer, and not the log of some other job.
func (s *Service) folderPlace(repo store.Repository, q FolderQuery) (folderPlace, error) {
	wrong := fault.InvalidField("query.cursor", "it does not belong to this folder, or its list is not kept any more; begin again without it")
	p, ok := parsePlace(q.Cursor)
	if !ok {
		return p, wrong
	}
	j, ok, err := s.store.Job(p.job)
	switch {
	case err != nil:
		return p, err
	case !ok || j.LogGone || p.line >= j.LogNext || !lists(j, repo.ID, q) || !j.Status.Good() || !j.LogComplete():
		return p, wrong
	}
	return p, nil
}

// lists says whether a job is a list of the folder that is asked for.
func lists(j job.Job, repository int64, q FolderQuery) bool {
	l := j.Spec.List
	return j.Spec.Kind == job.List && l != nil && j.Spec.Repository.ID == repository && l.Archive == q.Archive && l.Path == q.Path
}
