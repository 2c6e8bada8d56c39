package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"borgfleet/controller/internal/api/rest"
)

// CreateJoinToken makes a token that lets hosts enrol.
func (c *Client) CreateJoinToken(ctx context.Context, req rest.JoinTokenRequest) (rest.JoinToken, error) {
	return ask[rest.JoinToken](ctx, c, call{method: http.MethodPost, path: "/api/agents/join-tokens", body: req})
}

// Agents lists the fleet.
func (c *Client) Agents(ctx context.Context) ([]rest.Agent, error) {
	out, err := ask[rest.AgentList](ctx, c, call{method: http.MethodGet, path: "/api/agents"})
	return out.Agents, err
}

// Agent shows one agent, by id or name.
func (c *Client) Agent(ctx context.Context, id string) (rest.Agent, error) {
	if id == "" || id == "." || id == ".." {
		return rest.Agent{}, fmt.Errorf("%q names no agent", id) // nor a path of its own
	}
	return ask[rest.Agent](ctx, c, call{method: http.MethodGet, path: "/api/agents/" + url.PathEscape(id)})
}
