package client

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"borgfleet/controller/internal/api/rest"
)

// Error is a controller's no.
type Error struct {
	rest.Problem
	RetryAfter time.Duration // 0: not said
}

// Error is the sentence for a person, and every field that is wrong if there
// are several.
func (e *Error) Error() string {
	text := e.Detail
	if text == "" {
		text = fmt.Sprintf("the controller answered %d %s", e.Status, e.Title)
	}
	if len(e.Errors) < 2 {
		return text
	}
	var b strings.Builder
	b.WriteString(text)
	for _, f := range e.Errors {
		fmt.Fprintf(&b, "\n  %s: %s", f.Location, f.Message)
	}
	return b.String()
}

// Next is what to do now, where the sentence does not say it.
func (e *Error) Next() string { return e.Problem.Next }

// readProblem makes an Error of any answer, also of a proxy's page.
func readProblem(resp *http.Response) error {
	e := &Error{Problem: rest.Problem{Status: resp.StatusCode, Title: http.StatusText(resp.StatusCode)}}
	data, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if strings.HasPrefix(resp.Header.Get("Content-Type"), rest.ProblemType) {
		var p rest.Problem
		if json.Unmarshal(data, &p) == nil {
			e.Problem = p
			e.Status = resp.StatusCode
		}
	}
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 {
		e.RetryAfter = time.Duration(s) * time.Second
	}
	return e
}
