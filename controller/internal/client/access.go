package client

import (
	"context"
	"net/http"

	"borgfleet/controller/internal/api/rest"
)

// Login gets a token and uses it from now on.
func (c *Client) Login(ctx context.Context, user, password string) (rest.Token, error) {
	in := call{method: http.MethodPost, path: "/api/auth/login", body: rest.Login{Username: user, Password: password}}
	out, err := ask[rest.Token](ctx, c, in)
	if err != nil {
		return rest.Token{}, err
	}
	c.token = out.AccessToken
	return out, nil
}

// Me says who the controller takes the caller for.
func (c *Client) Me(ctx context.Context) (rest.Me, error) {
	return ask[rest.Me](ctx, c, call{method: http.MethodGet, path: "/api/auth/me"})
}

// Service names the controller and its version.
func (c *Client) Service(ctx context.Context) (rest.Service, error) {
	return ask[rest.Service](ctx, c, call{method: http.MethodGet, path: "/api"})
}

// Ready says whether the controller can do its work; it is nil if so.
func (c *Client) Ready(ctx context.Context) error {
	_, err := ask[rest.Health](ctx, c, call{method: http.MethodGet, path: "/readyz"})
	return err
}
