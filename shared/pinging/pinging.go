// Package pinging calls the URLs of services that raise an alarm when a call does not
// come. The URL is as good as a password there: it is in no error.
package pinging

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"borgfleet/shared/version"
)

// Timeout is how long a call may take.
const Timeout = 10 * time.Second

// Caller calls URLs. Proxies of the environment are honoured.
type Caller struct{ http *http.Client }

// New makes a Caller. Redirects are not followed: they would lead to where nobody has
// said that it may call.
func New(timeout time.Duration) *Caller {
	return &Caller{&http.Client{
		Timeout:       timeout,
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, MaxResponseHeaderBytes: 32 << 10},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Close gives up what is idle.
func (c *Caller) Close() { c.http.CloseIdleConnections() }

// mostAnswer of an answer is read: it says nothing to us.
const mostAnswer = 1 << 10

// Call asks for a URL once.
func (c *Caller) Call(ctx context.Context, address string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return errors.New("the ping URL cannot be used: write it as https://HOST/PATH")
	}
	req.Header.Set("User-Agent", "borgfleet/"+version.String())
	resp, err := c.http.Do(req)
	if err != nil {
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err
		}
		return fmt.Errorf("call %s: %w", req.URL.Host, err)
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, mostAnswer)
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("call %s: it answers %s", req.URL.Host, resp.Status)
	}
	return nil
}
