package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"borgfleet/controller/internal/api/rest"
)

// Logout ends the login that the client sends.
func (c *Client) Logout(ctx context.Context) error {
	return c.tell(ctx, call{method: http.MethodPost, path: "/api/auth/logout"})
}

// ChangePassword changes the caller's own password, and uses the token of the
// new login from now on.
func (c *Client) ChangePassword(ctx context.Context, old, new string) (rest.Token, error) {
	in := call{method: http.MethodPost, path: "/api/auth/password", body: rest.PasswordChange{OldPassword: old, NewPassword: new}}
	out, err := ask[rest.Token](ctx, c, in)
	if err != nil {
		return rest.Token{}, err
	}
	c.token = out.AccessToken
	return out, nil
}

// Users lists everybody who may log in.
func (c *Client) Users(ctx context.Context) ([]rest.User, error) {
	out, err := ask[rest.UserList](ctx, c, call{method: http.MethodGet, path: "/api/users"})
	return out.Users, err
}

// User shows one user.
func (c *Client) User(ctx context.Context, name string) (rest.User, error) {
	path, err := below("/api/users/", name)
	if err != nil {
		return rest.User{}, err
	}
	return ask[rest.User](ctx, c, call{method: http.MethodGet, path: path})
}

// CreateUser makes a user.
func (c *Client) CreateUser(ctx context.Context, user rest.NewUser) (rest.User, error) {
	return ask[rest.User](ctx, c, call{method: http.MethodPost, path: "/api/users", body: user})
}

// ChangeUser changes what is set in change.
func (c *Client) ChangeUser(ctx context.Context, name string, change rest.UserChange) (rest.User, error) {
	path, err := below("/api/users/", name)
	if err != nil {
		return rest.User{}, err
	}
	return ask[rest.User](ctx, c, call{method: http.MethodPatch, path: path, body: change})
}

// DeleteUser removes a user and the user's API tokens.
func (c *Client) DeleteUser(ctx context.Context, name string) error {
	path, err := below("/api/users/", name)
	if err != nil {
		return err
	}
	return c.tell(ctx, call{method: http.MethodDelete, path: path})
}

// APITokens lists those that the caller may see.
func (c *Client) APITokens(ctx context.Context) ([]rest.APIToken, error) {
	out, err := ask[rest.APITokenList](ctx, c, call{method: http.MethodGet, path: "/api/tokens"})
	return out.Tokens, err
}

// CreateAPIToken makes a token.
func (c *Client) CreateAPIToken(ctx context.Context, req rest.APITokenRequest) (rest.NewAPIToken, error) {
	return ask[rest.NewAPIToken](ctx, c, call{method: http.MethodPost, path: "/api/tokens", body: req})
}

// DeleteAPIToken ends a token.
func (c *Client) DeleteAPIToken(ctx context.Context, id string) error {
	path, err := below("/api/tokens/", id)
	if err != nil {
		return err
	}
	return c.tell(ctx, call{method: http.MethodDelete, path: path})
}

// below is the path of one thing. A name must not make it another path.
func below(path, name string) (string, error) {
	if name == "" || name == "." || name == ".." {
		return "", fmt.Errorf("%q names nothing", name)
	}
	return path + url.PathEscape(name), nil
}
