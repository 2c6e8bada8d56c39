package deliver

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"borgfleet/controller/internal/notify"
)

// ntfy publishes to a topic of an ntfy server.
type ntfy struct {
	client        *http.Client
	server, topic string
	token         string
	logs          logShown
}

func newNtfy(client *http.Client, s Settings, logs logShown) *ntfy {
	server, topic := splitTopic(s.URL)
	return &ntfy{client: client, server: server, topic: topic, token: s.Token, logs: logs}
}

// splitTopic: a topic is the last part of its address.
func splitTopic(url string) (server, topic string) {
	url = strings.TrimSuffix(url, "/")
	i := strings.LastIndex(url, "/")
	if i < 0 || strings.HasSuffix(url[:i+1], "//") || strings.ContainsAny(url[i:], "?") {
		return url, ""
	}
	return url[:i], url[i+1:]
}

func (n *ntfy) most() int { return mostTogether }

// mostNtfy: a longer message would become an attachment, or be refused.
const mostNtfy = 4000

// Priorities of ntfy.
const (
	ntfyUsual = 3
	ntfyHigh  = 4
)

func (n *ntfy) carry(ctx context.Context, events []notify.Event) (string, error) {
	priority := ntfyUsual
	if urgent(events) {
		priority = ntfyHigh
	}
	data, err := json.Marshal(map[string]any{
		"topic": n.topic, "title": subject(events), "message": body(events, mostNtfy, n.logs), "priority": priority, "tags": []string{string(events[0].Event)},
	})
	if err != nil {
		return "", fmt.Errorf("encode message: %w", err)
	}
	header := http.Header{}
	if n.token != "" {
		header.Set("Authorization", "Bearer "+n.token)
	}
	return post(ctx, n.client, n.server+"/", header, data)
}
