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
	Shrunk bool          // only what did
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
	if f.Shrunk {
		q.Set("shrunk", "true")
	}
	out, err := ask[rest.HostList](ctx, c, call{method: http.MethodGet, path: "/api/fleet/hosts", query: q})
	return out.Hosts, err
}

// TrendFilter selects jobs; fields at their zero value select everything but the
// kind, which is backup then.
type TrendFilter struct {
	Agent      string
	Repository string
	Label      string // key=value
	Kinds      []string
	Days       int // that end with today's; 0: the controller's default
}

// Trends is what jobs came to by day.
func (c *Client) Trends(ctx context.Context, f TrendFilter) (rest.Trends, error) {
	q := JobFilter{Agent: f.Agent, Repository: f.Repository, Label: f.Label, Kinds: f.Kinds}.query()
	if f.Days > 0 {
		q.Set("days", strconv.Itoa(f.Days))
	}
	return ask[rest.Trends](ctx, c, call{method: http.MethodGet, path: "/api/fleet/trends", query: q})
}

// Summary is the whole fleet in a few figures.
func (c *Client) Summary(ctx context.Context) (rest.Summary, error) {
	return ask[rest.Summary](ctx, c, call{method: http.MethodGet, path: "/api/fleet/summary"})
}
