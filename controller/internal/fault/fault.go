// Package fault holds the errors that the controller answers to people and
// agents, and the one table that maps them to HTTP and to Connect.
package fault

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"connectrpc.com/connect"

	"borgfleet/shared/wire"
)

// Kind says what went wrong in terms of who has to do something about it.
type Kind int

const (
	Internal        Kind = iota // ours; the detail stays in the log
	Malformed                   // not JSON at all
	Invalid                     // well-formed, but a value is wrong
	BadState                    // section A of the API says 400 where we would say Conflict
	Conflict                    // not now: something else is in the way
	NotFound                    // no such thing
	Unauthenticated             // who are you?
	Forbidden                   // you may not
	TooMany                     // slow down; see RetryAfter
	TooLarge                    // the body is over the limit
	Unavailable                 // starting, stopping or the disk refuses
)

// Error is an error that somebody outside is told about.
type Error struct {
	Kind       Kind
	Code       string // stable, snake_case
	Message    string // a sentence for a person: what is wrong, and what to do unless Next says that
	Step       string // what to do, where that is not the same for all errors of this code
	Fields     []Field
	RetryAfter time.Duration
	cause      error
}

// Field points at what is wrong in a request.
type Field struct {
	Location string // body.repository, query.limit, path.job_id
	Message  string
}

func (e *Error) Error() string {
	if e.cause != nil {
		return e.Message + ": " + e.cause.Error()
	}
	return e.Message
}

func (e *Error) Unwrap() error { return e.cause }

// New makes an error that is told as it is.
func New(kind Kind, code, format string, args ...any) *Error {
	return &Error{Kind: kind, Code: code, Message: fmt.Sprintf(format, args...)}
}

// Wrap keeps the cause for the log; only the message is told.
func Wrap(cause error, kind Kind, code, format string, args ...any) *Error {
	e := New(kind, code, format, args...)
	e.cause = cause
	return e
}

// InvalidField makes the 422 for one field.
func InvalidField(location, format string, args ...any) *Error {
	msg := fmt.Sprintf(format, args...)
	return &Error{
		Kind: Invalid, Code: "invalid_request", Message: location + ": " + msg,
		Fields: []Field{{Location: location, Message: msg}},
	}
}

// Of finds the Error in err's chain. Any other error is Internal, and its text
// is not told to anybody: it may hold paths or secrets.
func Of(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return Wrap(err, Internal, "internal", "the controller could not do this; its log says why")
}

type answer struct {
	status int
	code   connect.Code
}

// table is the only place where a Kind becomes a status or a code.
func table(k Kind) answer {
	switch k {
	case Malformed:
		return answer{http.StatusBadRequest, connect.CodeInvalidArgument}
	case Invalid:
		return answer{http.StatusUnprocessableEntity, connect.CodeInvalidArgument}
	case BadState:
		return answer{http.StatusBadRequest, connect.CodeFailedPrecondition}
	case Conflict:
		return answer{http.StatusConflict, connect.CodeFailedPrecondition}
	case NotFound:
		return answer{http.StatusNotFound, connect.CodeNotFound}
	case Unauthenticated:
		return answer{http.StatusUnauthorized, connect.CodeUnauthenticated}
	case Forbidden:
		return answer{http.StatusForbidden, connect.CodePermissionDenied}
	case TooMany:
		return answer{http.StatusTooManyRequests, connect.CodeResourceExhausted}
	case TooLarge:
		return answer{http.StatusRequestEntityTooLarge, connect.CodeResourceExhausted}
	case Unavailable:
		return answer{http.StatusServiceUnavailable, connect.CodeUnavailable}
	default:
		return answer{http.StatusInternalServerError, connect.CodeInternal}
	}
}

// Status is the HTTP status for err.
func Status(err error) int { return table(Of(err).Kind).status }

// Connect is err as an agent is told it.
func Connect(err error) error {
	if err == nil {
		return nil
	}
	e := Of(err)
	text := e.Message
	if step := e.Next(); step != "" {
		text += "; " + step
	}
	out := connect.NewError(table(e.Kind).code, errors.New(text))
	out.Meta().Set(wire.CodeHeader, e.Code)
	return out
}
