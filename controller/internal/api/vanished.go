package api

import (
	"net/http"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/fleet"
)

// mostAcknowledged bounds a request that names archives; without names it is
// for all.
const mostAcknowledged = 10_000

func vanishedBody(all []fleet.Archive) []rest.Vanished {
	out := make([]rest.Vanished, 0, len(all))
	for _, a := range all {
		v := rest.Vanished{Name: a.Name, ID: a.ID, Start: borgTime(a.Start), VanishedAt: rest.At(a.VanishedAt), JobID: orNull(a.Job)}
		if a.Job != 0 {
			v.OriginalSize, v.NFiles = &a.OriginalSize, &a.NFiles
		}
		out = append(out, v)
	}
	return out
}

// acknowledgeVanished: whoever says that archives were meant to go lets a compact
// make that final.
func (s *server) acknowledgeVanished(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id", "repository")
	if err != nil {
		return err
	}
	body, err := s.optionalBody(w, r)
	if err != nil {
		return err
	}
	var refs []string
	if _, given := body.get("archives"); given {
		if refs = body.texts("archives", mostAcknowledged, checkName); len(refs) == 0 {
			body.bad.add("body.archives", "it names none; leave it out for all of them")
		}
	}
	body.noOthers()
	if err := body.err(); err != nil {
		return err
	}
	done, err := s.Fleet.AcknowledgeVanished(r.Context(), id, refs, caller(r).User)
	if err != nil {
		return err
	}
	out := rest.Acknowledged{Archives: make([]string, 0, len(done.Archives)), Remaining: done.Remaining}
	for _, a := range done.Archives {
		out.Archives = append(out.Archives, a.Name)
	}
	return writeJSON(w, http.StatusOK, out)
}
