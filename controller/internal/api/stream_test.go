package api_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"borgfleet/controller/internal/api"
	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/fault"
	"borgfleet/shared/job"
)

// TestStreamsEndWithTheRight to hear them, whether they are busy or silent: a
// logout, a deleted token and a lesser role count at once everywhere else.
func TestStreamsEndWithTheRight(t *testing.T) {
	e := setup(t, func(o *api.Options) { o.Heartbeat = 10 * time.Millisecond })
	e.fleet.busy = true
	v := documentedJob(job.Running)
	v.Spec.Kind, v.Spec.List = job.List, &job.ListSpec{Archive: "a"}
	e.fleet.add(v, "one")
	refused := func(api.Principal) (api.Principal, error) {
		return api.Principal{}, fault.New(fault.Unauthenticated, "bad_token", "the token is not valid")
	}
	demoted := func(who api.Principal) (api.Principal, error) {
		who.Role = api.Viewer
		return who, nil
	}
	tests := []struct {
		path    string
		becomes func(api.Principal) (api.Principal, error)
	}{
		{"/api/events", refused}, {streamURL, refused}, {streamURL, demoted},
	}
	for _, test := range tests {
		e.auth.becomes(nil)
		e.hearsToTheEnd(test.path, func() { e.auth.becomes(test.becomes) })
	}
}

// hearsToTheEnd follows a stream for a while, has something happen, and wants
// the stream to end in order.
func (e *env) hearsToTheEnd(path string, then func()) {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(e.t.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.server.URL+path, nil)
	if err != nil {
		e.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer operator")
	req.Header.Set("Accept", rest.EventStreamType)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		e.t.Fatal(err)
	}
	defer resp.Body.Close()
	rows := bufio.NewReader(resp.Body)
	for range 30 {
		if _, err = rows.ReadString('\n'); err != nil {
			e.t.Fatalf("%s: ended while it was allowed: %v", path, err)
		}
	}
	then()
	for err == nil {
		_, err = rows.ReadString('\n')
	}
	if !errors.Is(err, io.EOF) {
		e.t.Errorf("%s: %v", path, err)
	}
}
