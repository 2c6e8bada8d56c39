package client

import (
	"context"
	"net/http"

	"borgfleet/controller/internal/api/rest"
)

// Maintain starts a check, compact, prune or break-lock; body holds what the kind
// needs. A key makes it safe to repeat; it may be empty.
func (c *Client) Maintain(ctx context.Context, repository int64, kind string, body map[string]any, idempotencyKey string) (rest.Started, error) {
	return c.start(ctx, call{method: http.MethodPost, path: repositoryPath(repository) + "/" + kind, body: body}, idempotencyKey)
}

// AcknowledgeVanished says that vanished archives were meant to go; without names
// all of them.
func (c *Client) AcknowledgeVanished(ctx context.Context, repository int64, archives []string) (rest.Acknowledged, error) {
	return ask[rest.Acknowledged](ctx, c, call{method: http.MethodPost, path: repositoryPath(repository) + "/acknowledge-vanished", body: rest.Acknowledge{Archives: archives}})
}

// AcceptSize says that the newest good backup of a repository, which is this job,
// may be as small as it is.
func (c *Client) AcceptSize(ctx context.Context, repository, job int64) (rest.AcceptedSize, error) {
	return ask[rest.AcceptedSize](ctx, c, call{method: http.MethodPost, path: repositoryPath(repository) + "/accept-size", body: map[string]int64{"job_id": job}})
}
