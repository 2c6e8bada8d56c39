package deliver

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"bytes"

	"borgfleet/shared/term"
	"borgfleet/shared/version"
)

// mostAnswer of what a receiver answers is read, and told to the administrator who
// tests the channel.
const mostAnswer = 300

// textWait is how long that is waited for.
const textWait = time.Second

// post sends a body. Any answer but 2xx is a refusal.
func post(ctx context.Context, client *http.Client, url string, header http.Header, body []byte) (answer string, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header = header
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "borgfleet-controller/"+version.String())
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	// The status is the answer. What comes after it may never end.
	defer time.AfterFunc(textWait, cancel).Stop()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, mostAnswer))
	answer = strings.TrimSpace(resp.Status + " " + term.Clean(strings.Join(strings.Fields(strings.ToValidUTF8(string(text), "")), " ")))
	switch {
	case resp.StatusCode/100 == 2:
		return answer, nil
	case resp.StatusCode/100 == 3:
		return "", &refused{what: fmt.Sprintf("%s: it redirects to another place, which is not followed; give the channel that address if it is right", resp.Status)}
	}
	return "", &refused{what: answer, after: retryAfter(resp.Header.Get("Retry-After"), time.Now())}
}

// retryAfter reads seconds or a date.
func retryAfter(text string, now time.Time) time.Duration {
	if n, err := strconv.Atoi(strings.TrimSpace(text)); err == nil {
		return time.Duration(max(0, min(n, 1<<20))) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
