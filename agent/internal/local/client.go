package local

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// answerTime is how long an answer that is no stream may take. Asking a borg
// for its version can take a while on a busy host.
const answerTime = 90 * time.Second

// Client asks the daemon.
type Client struct {
	socket string
	http   *http.Client
}

// NewClient makes a client of the daemon behind socket. It connects when it is
// asked something.
func NewClient(socket string) *Client {
	return &Client{socket: socket, http: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (c net.Conn, err error) {
			err = withShort(socket, func(short string) error {
				c, err = new(net.Dialer).DialContext(ctx, "unix", short)
				return err
			})
			return c, err
		},
	}}}
}

// Close gives up idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Status is how the agent stands.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var out Status
	return out, c.ask(ctx, http.MethodGet, "/v1/status", nil, &out)
}

// Jobs lists at most limit jobs, newest first.
func (c *Client) Jobs(ctx context.Context, limit int) ([]Job, error) {
	var out jobList
	err := c.ask(ctx, http.MethodGet, "/v1/jobs?limit="+strconv.Itoa(limit), nil, &out)
	return out.Jobs, err
}

// Job is one job, by its number or a part of its key.
func (c *Client) Job(ctx context.Context, ref string) (Job, error) {
	var out Job
	return out, c.ask(ctx, http.MethodGet, "/v1/jobs/"+url.PathEscape(ref), nil, &out)
}

// Backup starts a backup of a repository of this host, by path, name or id.
func (c *Client) Backup(ctx context.Context, repository string) (Job, error) {
	var out Job
	return out, c.ask(ctx, http.MethodPost, "/v1/backups", start{Repository: repository}, &out)
}

// Restore starts a restore from a repository of this host.
func (c *Client) Restore(ctx context.Context, what Restore) (Job, error) {
	var out Job
	return out, c.ask(ctx, http.MethodPost, "/v1/restores", what, &out)
}

// Maintain starts a prune, compact, check or break-lock on a repository of this
// host.
func (c *Client) Maintain(ctx context.Context, what Maintenance) (Job, error) {
	var out Job
	return out, c.ask(ctx, http.MethodPost, "/v1/maintenance", what, &out)
}

// Cancel asks for a job's end; the job is as it was right after that.
func (c *Client) Cancel(ctx context.Context, ref string) (Job, error) {
	var out Job
	return out, c.ask(ctx, http.MethodPost, "/v1/jobs/"+url.PathEscape(ref)+"/cancel", nil, &out)
}

// LogRequest says what of a log is wanted.
type LogRequest struct {
	From     uint64 // first line number; 0: from the beginning
	Follow   bool   // until the job has ended and all was said
	Progress bool   // the job too, whenever it has come on
}

// Log calls each for every event, and gives the job as it was at the end.
func (c *Client) Log(ctx context.Context, ref string, req LogRequest, each func(Event) error) (Job, error) {
	q := url.Values{"from": {strconv.FormatUint(req.From, 10)}}
	if req.Follow {
		q.Set("follow", "true")
	}
	if req.Progress {
		q.Set("progress", "true")
	}
	resp, err := c.send(ctx, http.MethodGet, "/v1/jobs/"+url.PathEscape(ref)+"/log?"+q.Encode(), nil)
	if err != nil {
		return Job{}, err
	}
	defer resp.Body.Close()
	d := json.NewDecoder(resp.Body)
	for {
		var ev Event
		if err := d.Decode(&ev); err != nil {
			if ctx.Err() != nil {
				return Job{}, ctx.Err()
			}
			return Job{}, &Error{NotRunning, "the agent ended while its log was read; the job itself goes on (borgfleet-agent logs shows it once the agent runs again)"}
		}
		if ev.End && ev.Job != nil {
			return *ev.Job, nil
		}
		if err := each(ev); err != nil {
			return Job{}, err
		}
	}
}

// ask is for answers that are one value.
func (c *Client) ask(ctx context.Context, method, path string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	resp, err := c.send(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return fmt.Errorf("read the agent's answer: %w", err)
	}
	return nil
}

// send gives a good answer, whose body the caller closes.
func (c *Client) send(ctx context.Context, method, path string, in any) (*http.Response, error) {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("ask the agent: %w", err)
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://agent"+path, body)
	if err != nil {
		return nil, fmt.Errorf("ask the agent: %w", err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.explain(err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	var e Error
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&e); err != nil || e.Message == "" {
		return nil, fmt.Errorf("the agent answered %s", resp.Status)
	}
	return nil, &e
}

// explain says what to do when nobody answers.
func (c *Client) explain(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return &Error{NotRunning, fmt.Sprintf("the agent is not running (nobody answers at %s): start it with borgfleet-agent run --state-dir %s; if it runs with another state directory, name that with --state-dir",
			c.socket, filepath.Dir(c.socket))}
	case errors.Is(err, fs.ErrPermission):
		return &Error{NotPermitted, fmt.Sprintf("this account may not use %s: use sudo, or the account that the agent runs as", c.socket)}
	}
	return fmt.Errorf("ask the agent: %w", err)
}
