package client

import (
	"context"
	"net/http"

	"borgfleet/controller/internal/api/rest"
)

const recoveryKeyPath = "/api/fleet/recovery-key"

// RecoveryKey shows the fleet's recovery key.
func (c *Client) RecoveryKey(ctx context.Context) (rest.RecoveryKey, error) {
	return ask[rest.RecoveryKey](ctx, c, call{method: http.MethodGet, path: recoveryKeyPath})
}

// Recovery gives what the recovery key opens of a repository.
func (c *Client) Recovery(ctx context.Context, id int64) (rest.Recovery, error) {
	return ask[rest.Recovery](ctx, c, call{method: http.MethodGet, path: repositoryPath(id) + "/recovery"})
}

// ReplaceRecoveryKey makes another key the fleet's.
func (c *Client) ReplaceRecoveryKey(ctx context.Context, recipient string) (rest.RecoveryKey, error) {
	return ask[rest.RecoveryKey](ctx, c, call{method: http.MethodPut, path: recoveryKeyPath, body: rest.RecoveryKeyChange{Recipient: recipient}})
}
