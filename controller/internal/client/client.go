package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// timeout ends a request that gets no answer. The controller itself waits for
// up to 30 s for a look into an archive.
const timeout = 60 * time.Second

// mostAnswer bounds what is read into memory at once. The largest answer is a
// page of log lines.
const mostAnswer = 256 << 20

// Client is a connection to one controller. It may be used concurrently, but
// for SetToken and Login.
type Client struct {
	base  *url.URL
	token string
	http  *http.Client
}

// New makes a client of the controller at base, such as http://127.0.0.1:5000.
// An empty token is for Login, and for what needs none.
func New(base, token string) (*Client, error) {
	u, err := address(base)
	if err != nil {
		return nil, err
	}
	return newClient(u, token, &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, IdleConnTimeout: timeout}), nil
}

// NewUnix makes a client of the controller that listens on socket.
func NewUnix(socket string) *Client {
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket)
		},
	}
	return newClient(&url.URL{Scheme: "http", Host: "unix"}, "", transport)
}

// newClient sets no overall time limit: a log may take long to download.
func newClient(base *url.URL, token string, transport http.RoundTripper) *Client {
	return &Client{base: base, token: token, http: &http.Client{Transport: transport, CheckRedirect: noRedirect}}
}

// noRedirect: the API has no redirects, and a token must not follow one.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Wrap puts a transport around the client's own, so that tests can look at what
// passes.
func (c *Client) Wrap(wrap func(http.RoundTripper) http.RoundTripper) {
	c.http.Transport = wrap(c.http.Transport)
}

// SetToken makes the client send token from now on.
func (c *Client) SetToken(token string) { c.token = token }

// Token is what the client sends.
func (c *Client) Token() string { return c.token }

// Close gives up idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// call is one request.
type call struct {
	method string
	path   string
	query  url.Values
	header http.Header
	body   any // nil: none
}

// ask sends in and decodes the answer.
func ask[T any](ctx context.Context, c *Client, in call) (T, error) {
	var out, none T
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	resp, err := c.send(ctx, in)
	if err != nil {
		return none, err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(io.LimitReader(resp.Body, mostAnswer)).Decode(&out); err != nil {
		if foreign(err) {
			return none, &NoController{c.base.Redacted()}
		}
		return none, noAnswer{fmt.Errorf("read answer of %s: %w", c.base.Redacted(), err)}
	}
	return out, nil
}

// tell sends in, to which there is no answer but that it is done.
func (c *Client) tell(ctx context.Context, in call) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	resp, err := c.send(ctx, in)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// send gives the answer if it is a good one; the caller closes its body.
func (c *Client) send(ctx context.Context, in call) (*http.Response, error) {
	req, err := c.request(ctx, in)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err // its URL can hold a query that is nobody's business
		}
		return nil, noAnswer{fmt.Errorf("ask the controller at %s: %w", c.base.Redacted(), err)}
	}
	if resp.StatusCode >= 300 {
		defer resp.Body.Close()
		return nil, readProblem(resp)
	}
	return resp, nil
}

func (c *Client) request(ctx context.Context, in call) (*http.Request, error) {
	var body io.Reader
	if in.body != nil {
		data, err := json.Marshal(in.body)
		if err != nil {
			return nil, fmt.Errorf("write request: %w", err)
		}
		body = bytes.NewReader(data)
	}
	u := c.base.JoinPath(in.path)
	u.RawQuery = in.query.Encode()
	req, err := http.NewRequestWithContext(ctx, in.method, u.String(), body)
	if err != nil {
		return nil, fmt.Errorf("write request: %w", err)
	}
	for name, values := range in.header {
		req.Header[name] = values
	}
	if in.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if req.Header.Get("Accept") == "" {
		req.Header.Set("Accept", "application/json, application/problem+json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	return req, nil
}
