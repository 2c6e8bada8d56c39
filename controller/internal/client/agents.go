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
	return c.askAgent(ctx, call{method: http.MethodGet}, id, "")
}

// ChangeAgent changes what is set in change, and clears the agent's problem.
func (c *Client) ChangeAgent(ctx context.Context, id string, change rest.AgentChange) (rest.Agent, error) {
	return c.askAgent(ctx, call{method: http.MethodPatch, body: change}, id, "")
}

// RevokeAgent shuts an agent out for good.
func (c *Client) RevokeAgent(ctx context.Context, id string) (rest.Agent, error) {
	return c.askAgent(ctx, call{method: http.MethodPost}, id, "/revoke")
}

// DeleteAgent forgets an agent. Its history stays.
func (c *Client) DeleteAgent(ctx context.Context, id string) error {
	path, err := agentPath(id)
	if err != nil {
		return err
	}
	return c.tell(ctx, call{method: http.MethodDelete, path: path})
}

func (c *Client) askAgent(ctx context.Context, in call, id, what string) (rest.Agent, error) {
	path, err := agentPath(id)
	if err != nil {
		return rest.Agent{}, err
	}
	in.path = path + what
	return ask[rest.Agent](ctx, c, in)
}

func agentPath(id string) (string, error) {
	if id == "" || id == "." || id == ".." {
		return "", fmt.Errorf("%q names no agent", id) // nor a path of its own
	}
	return "/api/agents/" + url.PathEscape(id), nil
}
