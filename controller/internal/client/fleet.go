package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"borgfleet/controller/internal/api/rest"
)

// HostFilter selects repositories.
type HostFilter struct {
	Agent  string
	Label  string        // key=value
	MaxAge time.Duration // 0: schedules decide what is stale
	Stale  bool          // only what is
}

// Hosts says how well hosts are backed up.
func (c *Client) Hosts(ctx context.Context, f HostFilter) ([]rest.Host, error) {
	q := url.Values{}
	if f.Agent != "" {
		q.Set("agent", f.Agent)
	}
	if f.Label != "" {
		q.Set("label", f.Label)
	}
	if f.MaxAge > 0 {
		q.Set("max_age", strconv.FormatInt(int64(f.MaxAge/time.Second), 10))
	}
	if f.Stale {
		q.Set("stale", "true")
	}
	out, err := ask[rest.HostList](ctx, c, call{method: http.MethodGet, path: "/api/fleet/hosts", query: q})
	return out.Hosts, err
}

// Summary is the whole fleet in a few figures.
func (c *Client) Summary(ctx context.Context) (rest.Summary, error) {
	return ask[rest.Summary](ctx, c, call{method: http.MethodGet, path: "/api/fleet/summary"})
}
