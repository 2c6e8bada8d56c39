package api

import (
	"bytes"
	"net/http"
	"strings"
	"time"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/fleet"
	"borgfleet/shared/job"
)

// mostCheck bounds max_duration.
const mostCheck = 30 * 24 * time.Hour

// maintain starts a maintenance job; read takes what its kind needs from the
// body.
func (s *server) maintain(kind job.Kind, read func(*object, *fleet.MaintenanceRequest)) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		id, err := pathID(r, "id", "repository")
		if err != nil {
			return err
		}
		key, err := idempotencyKey(r.Header)
		if err != nil {
			return err
		}
		body, err := s.optionalBody(w, r)
		if err != nil {
			return err
		}
		req := fleet.MaintenanceRequest{Kind: kind, Repository: id, IdempotencyKey: key, By: caller(r).User}
		if read != nil {
			read(body, &req)
		}
		body.noOthers()
		if err := body.err(); err != nil {
			return err
		}
		j, err := s.Fleet.Maintain(r.Context(), req)
		if err != nil {
			return err
		}
		name := strings.ToUpper(string(kind[:1])) + string(kind[1:])
		return writeJSON(w, http.StatusOK, rest.Started{JobID: j.ID, Status: string(job.Pending), Message: name + " job started"})
	}
}

// optionalBody reads a body whose fields may all be left out, and so may it.
func (s *server) optionalBody(w http.ResponseWriter, r *http.Request) (*object, error) {
	data, err := s.readBody(w, r)
	if err != nil {
		return nil, err
	}
	if len(bytes.TrimSpace(data)) == 0 {
		data = []byte("{}")
	}
	return parseObject(data)
}

func readCheck(body *object, req *fleet.MaintenanceRequest) {
	d, _ := body.duration("max_duration", time.Second, mostCheck)
	spec := job.CheckSpec{MaxDuration: d, Depth: job.CheckDepth(body.checked("depth", false, checkDepth))}
	if err := spec.Check(); err != nil && len(body.bad.fields) == 0 {
		body.bad.add("body.max_duration", "%v", err)
	}
	if spec != (job.CheckSpec{}) {
		req.Check = &spec
	}
}

func checkDepth(s string) string {
	if s == "" {
		return "it is empty; leave it out for repository and archives"
	}
	return saying(func(s string) error { return job.CheckSpec{Depth: job.CheckDepth(s)}.Check() })(s)
}

func readPrune(body *object, req *fleet.MaintenanceRequest) {
	keep, given := readKeep(body)
	req.Prune = &job.PruneSpec{Keep: keep, DryRun: body.flag("dry_run")}
	if err := keep.Check(); given && err != nil && len(body.bad.fields) == 0 {
		body.bad.add(body.at, "%v", err)
	}
}

// maintenanceJob answers for a job that is of the kind.
func (s *server) maintenanceJob(kind job.Kind) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		id, err := pathID(r, "id", "job")
		if err != nil {
			return err
		}
		v, err := s.Fleet.Job(r.Context(), id)
		if err != nil {
			return err
		}
		if v.Spec.Kind != kind {
			return fault.New(fault.NotFound, "job_not_found", "job %d is no %s but a %s: see /api/backup/status/%d", id, kind, v.Spec.Kind, id)
		}
		return s.sendStatus(w, r, v)
	}
}
