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

// ReplaceRecoveryKey makes another key the fleet's.
func (c *Client) ReplaceRecoveryKey(ctx context.Context, recipient string) (rest.RecoveryKey, error) {
	return ask[rest.RecoveryKey](ctx, c, call{method: http.MethodPut, path: recoveryKeyPath, body: rest.RecoveryKeyChange{Recipient: recipient}})
}
