package deliver

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"borgfleet/controller/internal/notify"
)

// webhook posts each event by itself, signed as https://www.standardwebhooks.com says,
// for which there are libraries in many languages.
type webhook struct {
	client *http.Client
	url    string
	key    []byte
	now    func() time.Time
}

func newWebhook(client *http.Client, s Settings, now func() time.Time) (*webhook, error) {
	key, err := signingKey(s.Secret)
	if err != nil {
		return nil, err
	}
	return &webhook{client: client, url: s.URL, key: key, now: now}, nil
}

// most: an id is then one event, and a receiver that knows it has had it.
func (w *webhook) most() int { return 1 }

func (w *webhook) carry(ctx context.Context, events []notify.Event) (answer string, err error) {
	for _, e := range events {
		body, err := json.Marshal(e)
		if err != nil {
			return "", fmt.Errorf("encode event: %w", err)
		}
		at := strconv.FormatInt(w.now().Unix(), 10)
		header := http.Header{}
		header.Set("Webhook-Id", e.ID)
		header.Set("Webhook-Timestamp", at)
		header.Set("Webhook-Signature", "v1,"+sign(w.key, e.ID, at, body))
		if answer, err = post(ctx, w.client, w.url, header, body); err != nil {
			return "", err
		}
	}
	return answer, nil
}

// sign binds a body to its id and to when it was sent: who has recorded it cannot
// send it again much later.
func sign(key []byte, id, at string, body []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + at + "."))
	mac.Write(body)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
