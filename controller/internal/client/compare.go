package client

import (
	"context"
	"net/http"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/fingerprint"
)

// CompareChannel says which of these secrets, by the names of their fields, a
// channel has otherwise. None of them is sent.
func (c *Client) CompareChannel(ctx context.Context, id int64, secrets map[string]string) ([]string, error) {
	return c.compare(ctx, withID(channelsPath, id), secrets)
}

// CompareSchedule is CompareChannel for a schedule's ping_url.
func (c *Client) CompareSchedule(ctx context.Context, id int64, secrets map[string]string) ([]string, error) {
	return c.compare(ctx, schedulePath(id), secrets)
}

func (c *Client) compare(ctx context.Context, path string, secrets map[string]string) ([]string, error) {
	key, err := fingerprint.NewKey()
	if err != nil {
		return nil, err
	}
	body := map[string]string{"key": key.String()}
	for field, value := range secrets {
		body[field] = key.Of(field, value)
	}
	out, err := ask[rest.Compared](ctx, c, call{method: http.MethodPost, path: path + "/compare", body: body})
	return out.Different, err
}
