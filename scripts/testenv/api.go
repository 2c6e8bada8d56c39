package testenv

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// API speaks REST as any client would: what the answers are checked against is
// the contract, not our own types.
type API struct {
	URL   string
	Token string
	HTTP  *http.Client
}

// Login logs the first user in.
func (e *Env) Login(ctx context.Context) (*API, error) {
	password, err := os.ReadFile(e.Controller.PasswordFile())
	if err != nil {
		return nil, err
	}
	a := &API{URL: e.Controller.URL, HTTP: &http.Client{Timeout: 30 * time.Second, Transport: http.DefaultTransport}}
	var out struct {
		Token string `json:"access_token"`
	}
	err = a.Do("POST", "/api/auth/login", map[string]string{"username": "admin", "password": strings.TrimSpace(string(password))}, &out)
	a.Token = out.Token
	return a, err
}

// Problem is an answer that is an error.
type Problem struct {
	Status int    `json:"-"`
	Type   string `json:"-"` // content type
	Body   []byte `json:"-"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

func (p *Problem) Error() string { return fmt.Sprintf("%d %s: %s", p.Status, p.Code, p.Detail) }

// Get decodes the answer into out.
func (a *API) Get(path string, out any) error { return a.Do("GET", path, nil, out) }

// Post sends in as JSON.
func (a *API) Post(path string, in, out any) error { return a.Do("POST", path, in, out) }

// Do makes one call. Anything but 2xx is a *Problem.
func (a *API) Do(method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequest(method, a.URL+path, body)
	if err != nil {
		return err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	data, resp, err := a.Send(req)
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		p := &Problem{Status: resp.StatusCode, Type: resp.Header.Get("Content-Type"), Body: data}
		_ = json.Unmarshal(data, p) // what is not JSON is told as it is, by Body
		return p
	}
	if out == nil {
		return nil
	}
	if raw, ok := out.(*[]byte); ok {
		*raw = data
		return nil
	}
	return json.Unmarshal(data, out)
}

// Send sends a request with the token and reads the whole answer.
func (a *API) Send(req *http.Request) ([]byte, *http.Response, error) {
	if a.Token != "" {
		req.Header.Set("Authorization", "Bearer "+a.Token)
	}
	resp, err := a.HTTP.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return data, resp, err
}

// Job is what tests look at of a job; the whole object is in the contract.
type Job struct {
	ID           int64
	Status       string
	Progress     int
	Repository   string
	Agent        string
	WaitingFor   string `json:"waiting_for"`
	ErrorMessage string `json:"error_message"`
	ErrorCode    string `json:"error_code"`
	ExitCode     *int   `json:"exit_code"`
	ArchiveName  string `json:"archive_name"`
	StartedAt    string `json:"started_at"`
	LogComplete  bool   `json:"log_complete"`
	AgentOnline  bool   `json:"agent_online"`
	HasLogs      bool   `json:"has_logs"`
	Phase        string
	Kind         string
	TriggeredBy  string `json:"triggered_by"`
	CreatedAt    string `json:"created_at"`
	ScheduleID   int64  `json:"scheduled_job_id"`   // 0: none
	Maintenance  string `json:"maintenance_status"` // empty: none
	ParentID     int64  `json:"parent_id"`          // 0: none
	Details      struct {
		OriginalSize int64   `json:"original_size"`
		NFiles       int64   `json:"nfiles"`
		Percent      float64 `json:"progress_percent"`
		Speed        float64 `json:"backup_speed"`
		CurrentFile  string  `json:"current_file"`
		ETA          int64   `json:"estimated_time_remaining"`
		DedupSize    int64   `json:"deduplicated_size"`
		Total        int64   `json:"total_expected_size"`
		TotalSource  string  `json:"total_expected_source"`
	} `json:"progress_details"`
}

// Final says whether the job has ended.
func (j Job) Final() bool { return j.Status != "pending" && j.Status != "running" }

// Job reads one job.
func (a *API) Job(id int64) (Job, error) {
	var j Job
	return j, a.Get(fmt.Sprintf("/api/backup/status/%d", id), &j)
}

// Backup starts a backup.
func (a *API) Backup(repository string) (int64, error) {
	var out struct {
		ID int64 `json:"job_id"`
	}
	err := a.Post("/api/backup/start", map[string]string{"repository": repository}, &out)
	return out.ID, err
}

// AwaitJob waits until a job satisfies want.
func (e *Env) AwaitJob(id int64, what string, want func(Job) bool) (Job, error) {
	var j Job
	err := e.Await(fmt.Sprintf("job %d %s", id, what), func() (ok bool, err error) {
		j, err = e.API.Job(id)
		return err == nil && want(j), err
	})
	if err != nil {
		err = fmt.Errorf("%w; it is %s, waiting for %q, phase %q, error %q", err, j.Status, j.WaitingFor, j.Phase, j.ErrorMessage)
	}
	return j, err
}

// Finish waits until a job has ended and its log is complete.
func (e *Env) Finish(id int64) (Job, error) {
	return e.AwaitJob(id, "has ended", func(j Job) bool { return j.Final() && (j.LogComplete || j.StartedAt == "") })
}

// Line is one line of a log.
type Line struct {
	Number  uint64 `json:"line_number"`
	Content string
}

// Lines reads the whole log of a job.
func (a *API) Lines(id int64) ([]Line, error) {
	var all []Line
	for {
		var page struct {
			Lines   []Line
			HasMore bool `json:"has_more"`
		}
		if err := a.Get(fmt.Sprintf("/api/backup/logs/%d/stream?offset=%d", id, len(all)), &page); err != nil {
			return all, err
		}
		all = append(all, page.Lines...)
		if !page.HasMore || len(page.Lines) == 0 {
			return all, nil
		}
	}
}
