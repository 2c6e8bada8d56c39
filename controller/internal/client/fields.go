package client

import (
	"context"
	"net/http"
	"strconv"

	"borgfleet/controller/internal/api/rest"
)

// Fields are a repository or a schedule as REST has it, by the names of its fields.
// Who compares what there is with what is written down needs them all, also those
// of a controller that knows more of them, or fewer.
type Fields map[string]any

// RepositoryFields lists what is registered.
func (c *Client) RepositoryFields(ctx context.Context) ([]Fields, error) {
	out, err := ask[struct{ Repositories []Fields }](ctx, c, call{method: http.MethodGet, path: "/api/repositories"})
	return out.Repositories, err
}

// DefineRepository registers a repository; one that is imported must be there.
func (c *Client) DefineRepository(ctx context.Context, f Fields, imported bool) (rest.Repository, error) {
	path := "/api/repositories"
	if imported {
		path += "/import"
	}
	return ask[rest.Repository](ctx, c, call{method: http.MethodPost, path: path, body: f})
}

// ScheduleFields lists all schedules.
func (c *Client) ScheduleFields(ctx context.Context) ([]Fields, error) {
	out, err := ask[struct{ Schedules []Fields }](ctx, c, call{method: http.MethodGet, path: "/api/schedule"})
	return out.Schedules, err
}

// DefineSchedule makes a schedule, or changes the fields that are given of the one
// with the id.
func (c *Client) DefineSchedule(ctx context.Context, id int64, f Fields) (rest.Schedule, error) {
	in := call{method: http.MethodPost, path: "/api/schedule", body: f}
	if id != 0 {
		in.method, in.path = http.MethodPut, "/api/schedule/"+strconv.FormatInt(id, 10)
	}
	return ask[rest.Schedule](ctx, c, in)
}
