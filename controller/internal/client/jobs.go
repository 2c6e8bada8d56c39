package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"borgfleet/controller/internal/api/rest"
)

// StartBackup starts a backup. A key makes it safe to repeat; it may be empty.
func (c *Client) StartBackup(ctx context.Context, start rest.Start, idempotencyKey string) (rest.Started, error) {
	return c.start(ctx, call{method: http.MethodPost, path: "/api/backup/start", body: start}, idempotencyKey)
}

// start is a request that makes a job.
func (c *Client) start(ctx context.Context, in call, idempotencyKey string) (rest.Started, error) {
	if idempotencyKey != "" {
		in.header = http.Header{"Idempotency-Key": {idempotencyKey}}
	}
	return ask[rest.Started](ctx, c, in)
}

// JobFilter selects jobs; fields at their zero value select everything but the
// kind, which is backup then.
type JobFilter struct {
	Limit         int // 0: the controller's default
	ScheduledOnly bool
	ManualOnly    bool
	Agent         string
	Repository    string
	Statuses      []string
	Kinds         []string
	ScheduleID    int64
	Label         string // key=value
	Since, Until  time.Time
	Cursor        string // of the page before
}

func (f JobFilter) query() url.Values {
	q := url.Values{}
	set := func(name, value string, given bool) {
		if given {
			q.Set(name, value)
		}
	}
	set("limit", strconv.Itoa(f.Limit), f.Limit != 0)
	set("scheduled_only", "true", f.ScheduledOnly)
	set("manual_only", "true", f.ManualOnly)
	set("agent", f.Agent, f.Agent != "")
	set("repository", f.Repository, f.Repository != "")
	set("schedule_id", strconv.FormatInt(f.ScheduleID, 10), f.ScheduleID != 0)
	set("label", f.Label, f.Label != "")
	set("since", f.Since.UTC().Format(time.RFC3339Nano), !f.Since.IsZero())
	set("until", f.Until.UTC().Format(time.RFC3339Nano), !f.Until.IsZero())
	set("cursor", f.Cursor, f.Cursor != "")
	for _, s := range f.Statuses {
		q.Add("status", s)
	}
	for _, k := range f.Kinds {
		q.Add("kind", k)
	}
	return q
}

// Jobs lists one page of jobs, newest first.
func (c *Client) Jobs(ctx context.Context, f JobFilter) (rest.JobList, error) {
	return ask[rest.JobList](ctx, c, call{method: http.MethodGet, path: "/api/backup/jobs", query: f.query()})
}

// Job tells how one job stands.
func (c *Client) Job(ctx context.Context, id int64) (rest.JobStatus, error) {
	return ask[rest.JobStatus](ctx, c, call{method: http.MethodGet, path: jobPath("status", id)})
}

// Cancel ends a job, and waits a while for its borg to be gone.
func (c *Client) Cancel(ctx context.Context, id int64) (rest.Cancelled, error) {
	return ask[rest.Cancelled](ctx, c, call{method: http.MethodPost, path: jobPath("cancel", id)})
}

func jobPath(what string, id int64) string {
	return "/api/backup/" + what + "/" + strconv.FormatInt(id, 10)
}
