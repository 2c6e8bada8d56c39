package api

import (
	"net/http"
	"strings"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/fleet"
	"borgfleet/shared/job"
)

// mostKey is the longest Idempotency-Key.
const mostKey = 255

func (s *server) startBackup(w http.ResponseWriter, r *http.Request) error {
	key, body, err := s.startOf(w, r)
	if err != nil {
		return err
	}
	// Fields that are not known are ignored here: so does the documented API.
	req := fleet.StartRequest{IdempotencyKey: key, By: caller(r).User}
	req.Repository = body.reference("repository", true)
	req.Agent = body.reference("agent", false)
	if err := body.err(); err != nil {
		return err
	}
	j, err := s.Fleet.Start(r.Context(), req)
	if err != nil {
		return err
	}
	// The documented status is the one a job begins with, also when the key
	// names a job that has gone on since.
	return writeJSON(w, http.StatusOK, rest.Started{JobID: j.ID, Status: string(job.Pending), Message: "Backup job started"})
}

// startOf reads what a request to start a job brings: its Idempotency-Key, which
// may be missing, and its body.
func (s *server) startOf(w http.ResponseWriter, r *http.Request) (key string, body *object, err error) {
	if key, err = idempotencyKey(r.Header); err != nil {
		return "", nil, err
	}
	data, err := s.readBody(w, r)
	if err != nil {
		return "", nil, err
	}
	body, err = parseObject(data)
	return key, body, err
}

// reference reads what names a repository or an agent. Whether something has
// that name is for the fleet to say.
func (o *object) reference(name string, required bool) string {
	read := o.text
	if required {
		read = o.mustText
	}
	s, ok := read(name)
	if !ok {
		return ""
	}
	if strings.TrimSpace(s) == "" {
		o.bad.add(o.loc(name), "it is empty")
	}
	if len(s) > mostPath {
		o.bad.add(o.loc(name), "it has more than %d bytes", mostPath)
	}
	return s
}

func idempotencyKey(h http.Header) (string, error) {
	const location = "header.Idempotency-Key"
	values, ok := h[http.CanonicalHeaderKey("Idempotency-Key")]
	if !ok {
		return "", nil
	}
	if len(values) > 1 {
		return "", fault.InvalidField(location, "it is given %d times", len(values))
	}
	key := values[0]
	if len(key) == 0 || len(key) > mostKey {
		return "", fault.InvalidField(location, "it must have 1 to %d characters", mostKey)
	}
	if strings.ContainsFunc(key, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return "", fault.InvalidField(location, "it may only have visible ASCII characters")
	}
	return key, nil
}
