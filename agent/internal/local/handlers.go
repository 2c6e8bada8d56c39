package local

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"borgfleet/agent/internal/jobdir"
	"borgfleet/shared/job"
)

const (
	defaultJobs = 50
	mostBody    = 64 << 10
	bodyTime    = 10 * time.Second
)

// decode reads a body. Only its own time is bounded: what is asked may take long.
func decode(w http.ResponseWriter, r *http.Request, in any) error {
	c := http.NewResponseController(w)
	if err := c.SetReadDeadline(time.Now().Add(bodyTime)); err != nil {
		return err
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, mostBody))
	d.DisallowUnknownFields()
	if err := d.Decode(in); err != nil {
		return err
	}
	return c.SetReadDeadline(time.Time{})
}

func (s *Server) status(w http.ResponseWriter, r *http.Request) error {
	id := s.o.Identity
	st := Status{
		Name: id.Name, AgentID: id.AgentID, FleetID: id.FleetID, ControllerURL: id.ControllerURL,
		Version: s.o.Version, StateDir: s.o.StateDir,
		CertificateExpires: orNull(s.o.CertificateExpires()),
		Borg:               s.o.Borg(r.Context()),
		Repositories:       []Repository{},
	}
	connected, lostAt := s.o.Jobs.Linked()
	if st.Connected = connected; !connected {
		st.DisconnectedSince = orNull(lostAt)
		if st.NotConnected = s.o.Link(); st.NotConnected == "" {
			st.NotConnected = "connecting" // the connection is there, Report is not yet
		}
	}
	st.Draining = s.o.Jobs.Draining()
	st.RecoveryKey, st.FleetRecoveryKey = s.o.Jobs.AskRecoveryKey()
	st.Unreadable = len(s.o.Jobs.Damaged())
	for _, dir := range s.o.Jobs.Dirs() {
		if dir.Ended() {
			continue
		}
		reg, err := dir.Register()
		if err != nil {
			// One damaged directory must not hide the others.
			s.log.Error("job left out of the status", "job", dir.Key(), "err", err)
			st.Unreadable++
			continue
		}
		switch statusFrom(reg) {
		case job.Running:
			st.Running++
		case job.Pending:
			st.Waiting++
		}
	}
	for _, repo := range s.o.Jobs.Repositories() {
		st.Repositories = append(st.Repositories, Repository{ID: repo.ID, Name: repo.Name, Path: repo.Path, Sources: repo.Sources})
	}
	s.addTimetable(&st)
	send(w, http.StatusOK, st)
	return nil
}

func (s *Server) jobs(w http.ResponseWriter, r *http.Request) error {
	limit := defaultJobs
	if text := r.URL.Query().Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return &Error{Invalid, fmt.Sprintf("%q is not a number of jobs", text)}
		}
		limit = n
	}
	list := jobList{Jobs: []Job{}}
	for _, dir := range s.newest() {
		if len(list.Jobs) == limit {
			break
		}
		v, err := view(dir)
		if err != nil {
			// One damaged directory must not hide the others.
			s.log.Error("job left out of the list", "job", dir.Key(), "err", err)
			continue
		}
		list.Jobs = append(list.Jobs, v)
	}
	send(w, http.StatusOK, list)
	return nil
}

func (s *Server) job(w http.ResponseWriter, r *http.Request) error {
	dir, err := s.find(r.PathValue("ref"))
	return sendJob(w, dir, err)
}

func (s *Server) backup(w http.ResponseWriter, r *http.Request) error {
	var in start
	if err := decode(w, r, &in); err != nil || in.Repository == "" {
		return &Error{Invalid, "name the repository to back up"}
	}
	repo, err := s.repository(in.Repository)
	if err != nil {
		return err
	}
	if err := s.refuseDraining(); err != nil {
		return err
	}
	dir, err := s.o.Jobs.Start(repo, caller(r))
	return sendJob(w, dir, err)
}

func (s *Server) restore(w http.ResponseWriter, r *http.Request) error {
	var in Restore
	if err := decode(w, r, &in); err != nil || in.Repository == "" || in.Archive == "" || in.Destination == "" {
		return &Error{Invalid, "name the repository, the archive and the directory to restore to"}
	}
	repo, err := s.repository(in.Repository)
	if err != nil {
		return err
	}
	if err := s.refuseDraining(); err != nil {
		return err
	}
	if wrong := job.PathTooLong(in.Destination); wrong != "" {
		return &Error{Invalid, "the destination cannot be: " + wrong}
	}
	what := job.RestoreSpec{Archive: in.Archive, Destination: in.Destination}
	for _, p := range in.Paths {
		what.Paths = append(what.Paths, string(p))
	}
	dir, err := s.o.Jobs.Restore(repo, what, caller(r))
	return sendJob(w, dir, err)
}

// sendJob answers with a job, unless finding or making it failed.
func sendJob(w http.ResponseWriter, dir *jobdir.Dir, err error) error {
	if err != nil {
		return err
	}
	v, err := view(dir)
	if err != nil {
		return err
	}
	send(w, http.StatusOK, v)
	return nil
}

func (s *Server) cancel(w http.ResponseWriter, r *http.Request) error {
	dir, err := s.find(r.PathValue("ref"))
	if err != nil {
		return err
	}
	v, err := view(dir)
	if err != nil {
		return err
	}
	if job.Status(v.Status).Final() {
		return &Error{BadState, fmt.Sprintf("the job has already ended: %s; borgfleet-agent logs %s shows how", v.Status, r.PathValue("ref"))}
	}
	if err := s.o.Jobs.Cancel(dir.Key()); err != nil {
		return err
	}
	return sendJob(w, dir, nil)
}
