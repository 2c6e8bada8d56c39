package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"borgfleet/controller/internal/api/rest"
)

// Log reads lines after the first offset ones; limit 0 is the controller's
// default.
func (c *Client) Log(ctx context.Context, id int64, offset uint64, limit int) (rest.LogPage, error) {
	q := url.Values{"offset": {strconv.FormatUint(offset, 10)}}
	if limit != 0 {
		q.Set("limit", strconv.Itoa(limit))
	}
	return ask[rest.LogPage](ctx, c, call{method: http.MethodGet, path: jobPath("logs", id) + "/stream", query: q})
}

// DownloadLog copies a finished job's log to w, as text.
func (c *Client) DownloadLog(ctx context.Context, id int64, w io.Writer) error {
	resp, err := c.send(ctx, call{method: http.MethodGet, path: jobPath("logs", id) + "/download"})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("download log of job %d: %w", id, err)
	}
	return nil
}

// DownloadToken makes a token for a link to a job's log.
func (c *Client) DownloadToken(ctx context.Context, id int64) (rest.DownloadToken, error) {
	return ask[rest.DownloadToken](ctx, c, call{method: http.MethodPost, path: jobPath("logs", id) + "/download-token"})
}
