package api

import (
	"cmp"
	"net/http"
	"strconv"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/fleet"
	"borgfleet/shared/job"
	"borgfleet/shared/nextstep"
)

const (
	defaultJobs = 200
	mostJobs    = 1000
)

// jobParameters are the filters of the job list.
func jobParameters() []string {
	return []string{"limit", "scheduled_only", "manual_only", "agent", "repository", "status",
		"kind", "schedule_id", "label", "since", "until", "cursor"}
}

func (s *server) listJobs(w http.ResponseWriter, r *http.Request) error {
	q, err := jobQuery(r)
	if err != nil {
		return err
	}
	page, err := s.Fleet.Jobs(r.Context(), q)
	if err != nil {
		return err
	}
	list := rest.JobList{Jobs: make([]rest.Job, 0, len(page.Jobs)), NextCursor: orNull(page.NextCursor)}
	for _, v := range page.Jobs {
		list.Jobs = append(list.Jobs, s.jobBody(v, caller(r).Role))
	}
	sendJobs(w, list)
	return nil
}

// sendJobs is writeJSON for what is asked for most.
func sendJobs(w http.ResponseWriter, list rest.JobList) {
	data := list.AppendJSON(make([]byte, 0, 256+len(list.Jobs)*bytesOfJob))
	send(w, http.StatusOK, "application/json", append(data, '\n'))
}

// bytesOfJob is a little more than nearly every job takes.
const bytesOfJob = 1280

// jobBody is a job as somebody with a role sees it.
func (s *server) jobBody(v fleet.JobView, role Role) rest.Job {
	return rest.Job{JobCore: jobCore(v, s.Now()), HasLogs: s.hasLogs(v, role)}
}

func jobQuery(r *http.Request) (fleet.JobQuery, error) {
	in := readQuery(r)
	q := fleet.JobQuery{
		Limit:         in.limit(defaultJobs, mostJobs),
		ScheduledOnly: in.flag("scheduled_only"),
		ManualOnly:    in.flag("manual_only"),
		Agent:         in.text("agent"),
		Repository:    in.text("repository"),
		Statuses:      each(in, "status", job.ParseStatus, job.Statuses()),
		Kinds:         in.kinds(),
		ScheduleID:    in.number("schedule_id", 0, 1),
		Label:         in.label("label"),
		Since:         in.moment("since"),
		Until:         in.moment("until"),
		Cursor:        in.text("cursor"),
	}
	if q.ScheduledOnly && q.ManualOnly {
		in.bad.add("query.manual_only", "no job is both scheduled and manual: leave out this or scheduled_only")
	}
	return q, in.bad.err()
}

func (s *server) jobStatus(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "job_id", "job")
	if err != nil {
		return err
	}
	v, err := s.Fleet.Job(r.Context(), id)
	if err != nil {
		return err
	}
	return s.sendStatus(w, r, v)
}

func (s *server) sendStatus(w http.ResponseWriter, r *http.Request, v fleet.JobView) (err error) {
	status := rest.JobStatus{JobCore: jobCore(v, s.Now()), NextStep: nextStep(v)}
	if status.Logs, err = s.lastLines(r.Context(), v, caller(r).Role); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, status)
}

// nextStep is null for a job whose end asks for nothing, or says itself what it
// asks for.
func nextStep(v fleet.JobView) *string {
	if v.Verdict == nil {
		return nil
	}
	return orNull(nextstep.Of(v.Verdict.ErrorCode, nextstep.About{
		Agent: cmp.Or(v.AgentName, v.Agent), Repository: v.Spec.Repository.Path, Job: strconv.FormatInt(v.ID, 10),
	}))
}

func (s *server) cancelJob(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "job_id", "job")
	if err != nil {
		return err
	}
	result, err := s.Fleet.Cancel(r.Context(), id, caller(r).User)
	if err != nil {
		return err
	}
	body := rest.Cancelled{Message: "Backup cancellation requested"}
	if result.Ended {
		body = rest.Cancelled{Message: "Backup cancelled successfully", ProcessTerminated: result.ProcessTerminated}
	}
	return writeJSON(w, http.StatusOK, body)
}
