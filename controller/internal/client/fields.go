package client

import (
	"context"
	"net/http"

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
	return ask[rest.Schedule](ctx, c, define("/api/schedule", id, f))
}

// DefineChannel makes a channel, or changes the fields that are given of the one with
// the id.
func (c *Client) DefineChannel(ctx context.Context, id int64, f Fields) (rest.Channel, error) {
	return ask[rest.Channel](ctx, c, define(channelsPath, id, f))
}

// DefineRule makes a rule, or changes the fields that are given of the one with the
// id.
func (c *Client) DefineRule(ctx context.Context, id int64, f Fields) (rest.Rule, error) {
	return ask[rest.Rule](ctx, c, define(rulesPath, id, f))
}

// DefineUser makes a user, or changes the fields that are given of the one with the
// name.
func (c *Client) DefineUser(ctx context.Context, name string, f Fields) (rest.User, error) {
	if name == "" {
		return ask[rest.User](ctx, c, call{method: http.MethodPost, path: "/api/users", body: f})
	}
	path, err := below("/api/users/", name)
	if err != nil {
		return rest.User{}, err
	}
	return ask[rest.User](ctx, c, call{method: http.MethodPatch, path: path, body: f})
}

// define is the call that makes something, or changes what has the id.
func define(path string, id int64, f Fields) call {
	if id == 0 {
		return call{method: http.MethodPost, path: path, body: f}
	}
	return call{method: http.MethodPut, path: withID(path, id), body: f}
}
