package api

import (
	"math"
	"net/http"

	"borgfleet/controller/internal/api/rest"
)

// acceptSize: whoever says that a backup may be as small as it is takes a warning
// away.
func (s *server) acceptSize(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id", "repository")
	if err != nil {
		return err
	}
	body, err := s.optionalBody(w, r)
	if err != nil {
		return err
	}
	job, _ := body.number("job_id", 1, math.MaxInt64)
	body.noOthers()
	if err := body.err(); err != nil {
		return err
	}
	last, err := s.Fleet.AcceptSize(r.Context(), id, job, caller(r).User)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, rest.AcceptedSize{JobID: last.Good.ID, Size: last.Good.Original, SizeBefore: last.Normal.Original})
}
