package client

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"borgfleet/controller/internal/api/rest"
)

// Backup streams a backup of the controller into w; only on the admin socket.
// Its content says whether it is whole.
func (c *Client) Backup(ctx context.Context, req rest.BackupRequest, w io.Writer) error {
	resp, err := c.send(ctx, call{method: http.MethodPost, path: rest.BackupPath, body: req})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("receive backup: %w", err)
	}
	return nil
}

// Stats says what is in the controller's store; only on the admin socket.
func (c *Client) Stats(ctx context.Context) (rest.StoreStats, error) {
	return ask[rest.StoreStats](ctx, c, call{method: http.MethodGet, path: rest.StatsPath})
}

// Differences lists what agents hold otherwise than a restored controller; only
// on the admin socket.
func (c *Client) Differences(ctx context.Context) ([]rest.Difference, error) {
	out, err := ask[rest.DifferenceList](ctx, c, call{method: http.MethodGet, path: rest.DifferencesPath})
	return out.Differences, err
}

// Settle decides about one of them; only on the admin socket.
func (c *Client) Settle(ctx context.Context, req rest.SettleRequest) error {
	return c.tell(ctx, call{method: http.MethodPost, path: rest.SettlePath, body: req})
}

// Admit lets an agent back in that a restored controller has lost; only on the
// admin socket.
func (c *Client) Admit(ctx context.Context, agent string) error {
	return c.tell(ctx, call{method: http.MethodPost, path: rest.AdmitPath, body: rest.AdmitRequest{Agent: agent}})
}
