package local

import (
	"errors"
	"net/http"
)

// Code says what went wrong, for programs.
type Code string

const (
	NotFound  Code = "not_found"
	Ambiguous Code = "ambiguous"
	BadState  Code = "bad_state"
	Invalid   Code = "invalid"
	Forbidden Code = "forbidden"
	Busy      Code = "busy"
	Internal  Code = "internal"

	// These are the client's own: nothing answered.
	NotRunning   Code = "not_running"
	NotPermitted Code = "not_permitted"
)

// Error is the agent's no, in words for a person.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
}

func (e *Error) Error() string { return e.Message }

// CodeOf is the code of err, Internal if it has none.
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return Internal
}

func statusOf(c Code) int {
	switch c {
	case NotFound:
		return http.StatusNotFound
	case Ambiguous, BadState:
		return http.StatusConflict
	case Invalid:
		return http.StatusBadRequest
	case Forbidden:
		return http.StatusForbidden
	case Busy:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}
