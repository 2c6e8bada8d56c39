package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
)

// ExportJobs streams all jobs that f selects into w, as csv or ndjson. Only
// without an error they are all.
func (c *Client) ExportJobs(ctx context.Context, f JobFilter, format string, w io.Writer) error {
	q := f.query()
	q.Set("format", format)
	resp, err := c.send(ctx, call{method: http.MethodGet, path: "/api/jobs/export", query: q})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("the export is not whole: %w", err)
	}
	return nil
}
