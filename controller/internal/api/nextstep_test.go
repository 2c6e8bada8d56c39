package api_test

import (
	"testing"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/shared/job"
)

// TestProblemsSayWhatToDo: in next, unless the detail does.
func TestProblemsSayWhatToDo(t *testing.T) {
	e := setup(t)
	for path, want := range map[string]string{
		"/api/backup/status/99": "see which there are: borgfleet-controller jobs list --kind all",
		"/api/nothing":          "", // its detail says it
		"/api/backup/start":     "use a method that this path takes; /api/docs has an example of each call",
	} {
		p := e.get(path).problem()
		if p.Status < 400 || p.Next != want {
			t.Errorf("%s: %+v, want next %q", path, p, want)
		}
	}
}

func TestJobsSayWhatToDo(t *testing.T) {
	for code, want := range map[string]string{
		job.CodeNothingRestored: "the log says why of each file: borgfleet-controller jobs logs 123",
		job.CodeMachineChanged:  "", // its message does
		"":                      "",
	} {
		e := setup(t)
		v := documentedJob(job.Failed)
		v.Verdict.ErrorCode = code
		e.fleet.add(v)
		var got rest.JobStatus
		e.get("/api/backup/status/123").is(200).into(&got)
		if said := got.NextStep; (said == nil) != (want == "") || said != nil && *said != want {
			t.Errorf("%q: %v, want %q", code, said, want)
		}
	}
}
