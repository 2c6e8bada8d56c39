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
	return ask[rest.Repository](ctx, c, call{method: http.MethodGet, path: "/api/repositories/" + strconv.FormatInt(id, 10)})
}
