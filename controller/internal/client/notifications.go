package client

import (
	"context"
	"net/http"
	"strconv"

	"borgfleet/controller/internal/api/rest"
)

const (
	channelsPath = "/api/notifications/channels"
	rulesPath    = "/api/notifications/rules"
)

// Channels lists the ways by which people are told.
func (c *Client) Channels(ctx context.Context) ([]rest.Channel, error) {
	out, err := ask[rest.ChannelList](ctx, c, call{method: http.MethodGet, path: channelsPath})
	return out.Channels, err
}

// CreateChannel makes a channel.
func (c *Client) CreateChannel(ctx context.Context, req rest.ChannelRequest) (rest.NewChannel, error) {
	return ask[rest.NewChannel](ctx, c, call{method: http.MethodPost, path: channelsPath, body: req})
}

// ChangeChannel changes what is given; the rest stays.
func (c *Client) ChangeChannel(ctx context.Context, id int64, req rest.ChannelRequest) (rest.Channel, error) {
	return ask[rest.Channel](ctx, c, call{method: http.MethodPut, path: withID(channelsPath, id), body: req})
}

// ChannelSettings tells what of a channel's settings is no secret.
func (c *Client) ChannelSettings(ctx context.Context, id int64) (rest.ChannelSettings, error) {
	return ask[rest.ChannelSettings](ctx, c, call{method: http.MethodGet, path: withID(channelsPath, id) + "/settings"})
}

// DeleteChannel deletes a channel, with what waits for it.
func (c *Client) DeleteChannel(ctx context.Context, id int64) error {
	return c.tell(ctx, call{method: http.MethodDelete, path: withID(channelsPath, id)})
}

// TestChannel has a channel send a real message.
func (c *Client) TestChannel(ctx context.Context, id int64) (rest.ChannelTested, error) {
	return ask[rest.ChannelTested](ctx, c, call{method: http.MethodPost, path: withID(channelsPath, id) + "/test"})
}

// Rules lists which events go to which channels.
func (c *Client) Rules(ctx context.Context) ([]rest.Rule, error) {
	out, err := ask[rest.RuleList](ctx, c, call{method: http.MethodGet, path: rulesPath})
	return out.Rules, err
}

// CreateRule makes a rule.
func (c *Client) CreateRule(ctx context.Context, req rest.RuleRequest) (rest.Rule, error) {
	return ask[rest.Rule](ctx, c, call{method: http.MethodPost, path: rulesPath, body: req})
}

// ChangeRule changes what is given; the rest stays.
func (c *Client) ChangeRule(ctx context.Context, id int64, req rest.RuleRequest) (rest.Rule, error) {
	return ask[rest.Rule](ctx, c, call{method: http.MethodPut, path: withID(rulesPath, id), body: req})
}

// DeleteRule deletes a rule.
func (c *Client) DeleteRule(ctx context.Context, id int64) error {
	return c.tell(ctx, call{method: http.MethodDelete, path: withID(rulesPath, id)})
}

// Conditions lists what was told and lasts.
func (c *Client) Conditions(ctx context.Context) ([]rest.Condition, error) {
	out, err := ask[rest.ConditionList](ctx, c, call{method: http.MethodGet, path: "/api/notifications/conditions"})
	return out.Conditions, err
}

func withID(path string, id int64) string { return path + "/" + strconv.FormatInt(id, 10) }
