package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"borgfleet/controller/internal/api/rest"
)

// AuditFilter selects entries of the audit log; fields at their zero value
// select everything.
type AuditFilter struct {
	Limit        int // 0: the controller's default
	Who, On      string
	Whats        []string
	Outcomes     []string
	Since, Until time.Time
	Cursor       string // of the page before
}

func (f AuditFilter) query() url.Values {
	q := url.Values{}
	for name, value := range map[string]string{"who": f.Who, "on": f.On, "cursor": f.Cursor} {
		if value != "" {
			q.Set(name, value)
		}
	}
	for name, t := range map[string]time.Time{"since": f.Since, "until": f.Until} {
		if !t.IsZero() {
			q.Set(name, t.UTC().Format(time.RFC3339Nano))
		}
	}
	for name, all := range map[string][]string{"what": f.Whats, "outcome": f.Outcomes} {
		for _, value := range all {
			q.Add(name, value)
		}
	}
	if f.Limit != 0 {
		q.Set("limit", strconv.Itoa(f.Limit))
	}
	return q
}

// Audit lists one page of the audit log, newest first.
func (c *Client) Audit(ctx context.Context, f AuditFilter) (rest.AuditLog, error) {
	return ask[rest.AuditLog](ctx, c, call{method: http.MethodGet, path: "/api/audit", query: f.query()})
}
