package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"borgfleet/controller/internal/api/rest"
)

// Schedules lists all schedules.
func (c *Client) Schedules(ctx context.Context) ([]rest.Schedule, error) {
	out, err := ask[rest.ScheduleList](ctx, c, call{method: http.MethodGet, path: "/api/schedule"})
	return out.Schedules, err
}

// Schedule shows one schedule.
func (c *Client) Schedule(ctx context.Context, id int64) (rest.Schedule, error) {
	return ask[rest.Schedule](ctx, c, call{method: http.MethodGet, path: schedulePath(id)})
}

// CreateSchedule makes a schedule.
func (c *Client) CreateSchedule(ctx context.Context, req rest.ScheduleRequest) (rest.Schedule, error) {
	return ask[rest.Schedule](ctx, c, call{method: http.MethodPost, path: "/api/schedule", body: req})
}

// ChangeSchedule changes what is given; the rest stays.
func (c *Client) ChangeSchedule(ctx context.Context, id int64, req rest.ScheduleRequest) (rest.Schedule, error) {
	return ask[rest.Schedule](ctx, c, call{method: http.MethodPut, path: schedulePath(id), body: req})
}

// DeleteSchedule deletes a schedule.
func (c *Client) DeleteSchedule(ctx context.Context, id int64) error {
	return c.tell(ctx, call{method: http.MethodDelete, path: schedulePath(id)})
}

// RunSchedule backs a schedule's repositories up now.
func (c *Client) RunSchedule(ctx context.Context, id int64) (rest.ScheduleStarted, error) {
	return ask[rest.ScheduleStarted](ctx, c, call{method: http.MethodPost, path: schedulePath(id) + "/run-now"})
}

// NextRuns tells when a schedule is due, n times for each repository.
func (c *Client) NextRuns(ctx context.Context, id int64, n int) (rest.NextRuns, error) {
	return ask[rest.NextRuns](ctx, c, call{method: http.MethodGet, path: schedulePath(id) + "/next", query: url.Values{"n": {strconv.Itoa(n)}}})
}

// ValidateCron tells when an expression is due.
func (c *Client) ValidateCron(ctx context.Context, req rest.CronRequest) (rest.CronTimes, error) {
	return ask[rest.CronTimes](ctx, c, call{method: http.MethodPost, path: "/api/schedule/validate-cron", body: req})
}

func schedulePath(id int64) string { return "/api/schedule/" + strconv.FormatInt(id, 10) }
