package api

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/fault"
)

// problem tells err to the client, and to the log if it is ours to mend.
func (s *server) problem(w http.ResponseWriter, r *http.Request, err error) {
	gone := r.Context().Err() != nil
	if gone {
		// The client does not wait any more, or the controller stops: what
		// that did to the fleet's call is no fault to look for.
		noteGone(w)
		err = fault.Wrap(err, fault.Unavailable, "interrupted", "the request was interrupted; whether it was carried out is not known")
	}
	body := problemOf(w.Header(), err)
	if body.Status >= http.StatusInternalServerError && !gone {
		s.Logger.Error("request failed", "method", r.Method, "path", r.URL.EscapedPath(), "code", body.Code, "err", err)
	}
	noteCode(w, body.Code)
	writeBody(w, body.Status, rest.ProblemType, body)
}

// problemOf makes the body, and the headers that belong to the status.
func problemOf(h http.Header, err error) rest.Problem {
	if wrong, ok := errors.AsType[*methodError](err); ok {
		h.Set("Allow", strings.Join(wrong.allowed, ", "))
		return newProblem(http.StatusMethodNotAllowed, fault.New(fault.BadState, "method_not_allowed", "%s", wrong))
	}
	f := fault.Of(err)
	body := newProblem(fault.Status(err), f)
	for _, field := range f.Fields {
		body.Errors = append(body.Errors, rest.ProblemField(field))
	}
	switch body.Status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", "Bearer")
	case http.StatusTooManyRequests:
		h.Set("Retry-After", wholeSeconds(max(f.RetryAfter, time.Second)))
	default:
		if f.RetryAfter > 0 {
			h.Set("Retry-After", wholeSeconds(f.RetryAfter))
		}
	}
	return body
}

func newProblem(status int, f *fault.Error) rest.Problem {
	return rest.Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: f.Message, Code: f.Code, Next: f.Next()}
}

// wholeSeconds rounds up: who comes back too early is refused again.
func wholeSeconds(d time.Duration) string {
	return strconv.FormatInt(int64(math.Ceil(d.Seconds())), 10)
}
