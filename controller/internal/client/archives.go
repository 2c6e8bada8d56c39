package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"borgfleet/controller/internal/api/rest"
)

// ArchiveFilter says which archives are asked for.
type ArchiveFilter struct {
	Repository string // path, name or id
	Agent      string
	Refresh    bool // look on the host first
	Matching   bool
}

// Archives lists a repository's archives.
func (c *Client) Archives(ctx context.Context, f ArchiveFilter) (rest.ArchiveList, error) {
	q := reference(f.Repository, f.Agent)
	if f.Refresh {
		q.Set("refresh", "true")
	}
	if f.Matching {
		q.Set("matching", "true")
	}
	return ask[rest.ArchiveList](ctx, c, call{method: http.MethodGet, path: "/api/archives/list", query: q})
}

// Folder says which page of which folder is asked for.
type Folder struct {
	Repository string
	Agent      string
	Archive    string
	Path       string
	Limit      int
	Cursor     string
}

// Contents lists one page of a folder in an archive.
func (c *Client) Contents(ctx context.Context, f Folder) (rest.Contents, error) {
	q := reference(f.Repository, f.Agent)
	if f.Path != "" {
		q.Set("path", f.Path)
	}
	if f.Limit != 0 {
		q.Set("limit", strconv.Itoa(f.Limit))
	}
	if f.Cursor != "" {
		q.Set("cursor", f.Cursor)
	}
	return ask[rest.Contents](ctx, c, call{method: http.MethodGet, path: "/api/archives/" + url.PathEscape(f.Archive) + "/contents", query: q})
}

// Restore starts a restore. A key makes it safe to repeat; it may be empty.
func (c *Client) Restore(ctx context.Context, req rest.RestoreRequest, idempotencyKey string) (rest.Started, error) {
	return c.start(ctx, call{method: http.MethodPost, path: "/api/restore/start", body: req}, idempotencyKey)
}

func reference(repository, agent string) url.Values {
	q := url.Values{"repository": {repository}}
	if agent != "" {
		q.Set("agent", agent)
	}
	return q
}
