package api

import (
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/fault"
)

// logged begins the request's entry in the audit log, and writes one line for it
// in the process's own: changes at info, reads at debug. The
// query is left out, since it can hold a token, and so are all headers.
func (s *server) logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from := s.origin(r)
		ctx := s.Audit.Begin(r.Context(), from)
		rec := &recorder{ResponseWriter: w}
		rec.before = func(status int) { s.Audit.Answer(ctx, status, rec.code) }
		start := s.Now()
		begun := time.Now()
		defer func() {
			s.measure(rec, time.Since(begun))
			level := slog.LevelInfo
			if r.Method == http.MethodGet || r.Method == http.MethodHead {
				level = slog.LevelDebug
			}
			s.Logger.Log(r.Context(), level, "request",
				"method", r.Method, "path", r.URL.EscapedPath(), "status", rec.statusCode(), "bytes", rec.bytes,
				"duration", s.Now().Sub(start), "remote", r.RemoteAddr, "from", from, "user", rec.user, "code", rec.code)
		}()
		next.ServeHTTP(rec, r.WithContext(ctx))
	})
}

// guarded answers a panic with a 500, or cuts the connection if the answer had
// begun: half an answer must not look like a whole one.
func (s *server) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			cause := recover()
			if cause == nil {
				return
			}
			if cause == http.ErrAbortHandler {
				panic(cause) // net/http's own word for: cut the connection
			}
			s.Logger.Error("panic in a handler", "method", r.Method, "path", r.URL.EscapedPath(),
				"err", cause, "stack", string(debug.Stack()))
			if rec, ok := w.(*recorder); ok && rec.status != 0 {
				panic(http.ErrAbortHandler)
			}
			// What is left of the body belongs to a request that was not
			// understood to its end.
			w.Header().Set("Connection", "close")
			body := problemOf(w.Header(), fault.New(fault.Internal, "internal", "the controller could not do this; its log says why"))
			writeBody(w, body.Status, rest.ProblemType, body)
		}()
		next.ServeHTTP(w, r)
	})
}

// recorder remembers what was answered, for the access log.
type recorder struct {
	http.ResponseWriter
	before func(status int) // called once, before anything is sent
	status int              // 0: nothing was written yet
	bytes  int64
	user   string
	code   string
	gone   bool // the client had gone before the answer

	operation string // empty: the path has none
	stream    bool
}

func (r *recorder) WriteHeader(status int) {
	if status >= 200 {
		r.begin(status)
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) begin(status int) {
	if r.status == 0 {
		r.status = status
		r.before(status)
	}
}

func (r *recorder) Write(data []byte) (int, error) {
	r.begin(http.StatusOK)
	n, err := r.ResponseWriter.Write(data)
	r.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// statusCode is what the access log shows; 499 is the custom for a client that
// did not wait.
func (r *recorder) statusCode() int {
	if r.gone {
		return 499
	}
	return r.status
}

func noteCaller(w http.ResponseWriter, who Principal) {
	if rec, ok := w.(*recorder); ok {
		rec.user = who.User
	}
}

func noteOperation(w http.ResponseWriter, name string) {
	if rec, ok := w.(*recorder); ok {
		rec.operation = name
	}
}

func noteStream(w http.ResponseWriter) {
	if rec, ok := w.(*recorder); ok {
		rec.stream = true
	}
}

func noteCode(w http.ResponseWriter, code string) {
	if rec, ok := w.(*recorder); ok {
		rec.code = code
	}
}

func noteGone(w http.ResponseWriter) {
	if rec, ok := w.(*recorder); ok {
		rec.gone = true
	}
}
