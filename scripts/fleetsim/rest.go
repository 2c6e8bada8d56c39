package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"borgfleet/scripts/testenv"
	"borgfleet/shared/job"
)

// callers are how many people and scripts use REST at once.
const callers = 32

// people are those who use REST.
type people struct{ api *testenv.API }

// newPeople talks with a token.
func newPeople(url, token string) *people {
	return &people{&testenv.API{URL: url, Token: token, HTTP: &http.Client{
		Timeout:   60 * time.Second,
		Transport: &http.Transport{MaxConnsPerHost: callers, MaxIdleConnsPerHost: callers},
	}}}
}

// insist makes a call until the controller has answered it: one that is down is
// asked again. With an Idempotency-Key it is one call however often it is made.
func (p *people) insist(ctx context.Context, method, path string, in, out any, idempotency string) error {
	_, err := p.insisted(ctx, method, path, in, out, idempotency)
	return err
}

// insisted says whether the first call was answered.
func (p *people) insisted(ctx context.Context, method, path string, in, out any, idempotency string) (once bool, err error) {
	once = true
	for until := time.Now().Add(2 * time.Minute); ; once = false {
		err := p.once(ctx, method, path, in, out, idempotency)
		problem, answered := errors.AsType[*testenv.Problem](err)
		if err == nil || answered && problem.Status != http.StatusServiceUnavailable || ctx.Err() != nil || time.Now().After(until) {
			return once, err
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (p *people) once(ctx context.Context, method, path string, in, out any, idempotency string) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, p.api.URL+path, body)
	if err != nil {
		return err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if idempotency != "" {
		req.Header.Set("Idempotency-Key", idempotency)
	}
	data, resp, err := p.api.Send(req)
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		problem := &testenv.Problem{Status: resp.StatusCode, Body: data}
		_ = json.Unmarshal(data, problem) // what is no JSON is told as it is
		return problem
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(data, out)
}

// joinToken makes a token that so many hosts can use.
func (p *people) joinToken(uses int) (string, error) {
	var out struct{ Token string }
	err := p.api.Post("/api/agents/join-tokens", map[string]any{"uses": uses}, &out)
	return out.Token, err
}

// known are the repositories that are registered already, by path.
func (p *people) known() (map[string]int64, error) {
	var all struct {
		Repositories []struct {
			ID   int64
			Path string
		}
	}
	if err := p.api.Get("/api/repositories", &all); err != nil {
		return nil, err
	}
	out := map[string]int64{}
	for _, r := range all.Repositories {
		out[r.Path] = r.ID
	}
	return out, nil
}

// jobs lists all jobs created since a time, of every kind.
func (p *people) jobs(since time.Time) ([]answered, error) {
	path := "/api/backup/jobs?limit=1000&since=" + since.UTC().Format(time.RFC3339)
	for _, kind := range job.Kinds() {
		path += "&kind=" + string(kind)
	}
	var all []answered
	for cursor := ""; ; {
		var page struct {
			Jobs []answered
			Next string `json:"next_cursor"`
		}
		if err := p.api.Get(path+cursor, &page); err != nil {
			return nil, fmt.Errorf("list jobs: %w", err)
		}
		all = append(all, page.Jobs...)
		if page.Next == "" {
			return all, nil
		}
		cursor = "&cursor=" + page.Next
	}
}
