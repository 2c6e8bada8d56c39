package client

import (
	"context"
	"net/http"
	"strconv"

	"borgfleet/controller/internal/api/rest"
)

// CreateRepository registers a repository and has its agent make it.
func (c *Client) CreateRepository(ctx context.Context, req rest.RepositoryRequest) (rest.Repository, error) {
	return ask[rest.Repository](ctx, c, call{method: http.MethodPost, path: "/api/repositories", body: req})
}

// Repositories lists what is registered.
func (c *Client) Repositories(ctx context.Context) ([]rest.Repository, error) {
	out, err := ask[rest.RepositoryList](ctx, c, call{method: http.MethodGet, path: "/api/repositories"})
	return out.Repositories, err
}

// Repository shows one repository.
func (c *Client) Repository(ctx context.Context, id int64) (rest.Repository, error) {
	return ask[rest.Repository](ctx, c, call{method: http.MethodGet, path: repositoryPath(id)})
}

// ImportRepository registers a repository that is there already.
func (c *Client) ImportRepository(ctx context.Context, req rest.RepositoryRequest) (rest.Repository, error) {
	return ask[rest.Repository](ctx, c, call{method: http.MethodPost, path: "/api/repositories/import", body: req})
}

// ChangeRepository changes what change holds; the rest stays.
func (c *Client) ChangeRepository(ctx context.Context, id int64, change map[string]any) (rest.Repository, error) {
	return ask[rest.Repository](ctx, c, call{method: http.MethodPut, path: repositoryPath(id), body: change})
}

// RetryRepository has the host set a repository up again that it could not.
func (c *Client) RetryRepository(ctx context.Context, id int64) (rest.Repository, error) {
	return ask[rest.Repository](ctx, c, call{method: http.MethodPost, path: repositoryPath(id) + "/retry"})
}

// DeleteRepository deletes a registration.
func (c *Client) DeleteRepository(ctx context.Context, id int64) error {
	return c.tell(ctx, call{method: http.MethodDelete, path: repositoryPath(id)})
}

// RunningJobs lists a repository's jobs that have not ended.
func (c *Client) RunningJobs(ctx context.Context, id int64) (rest.RunningJobs, error) {
	return ask[rest.RunningJobs](ctx, c, call{method: http.MethodGet, path: repositoryPath(id) + "/running-jobs"})
}

func repositoryPath(id int64) string { return "/api/repositories/" + strconv.FormatInt(id, 10) }
