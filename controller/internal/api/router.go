package api

import (
	"net/http"
	"path"
	"strings"

	"borgfleet/controller/internal/fault"
)

// router puts the routes in front of their handlers. The mux sees paths only:
// it would answer a wrong method itself, and not as problem+json.
func (s *server) router() http.Handler {
	// /repositories/check-jobs/{id} and /repositories/{id}/check overlap: a mux
	// takes no two paths of which neither is the narrower one.
	literal, mux := s.mux(true), s.mux(false)
	mux.Handle("/", s.answer(unknownPath))
	return s.onlyClean(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := literal.Handler(r); pattern != "" {
			literal.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	}))
}

func (s *server) mux(literal bool) *http.ServeMux {
	paths := map[string]map[string]handler{}
	for _, rt := range s.routes() {
		if rt.literal != literal {
			continue
		}
		if paths[rt.path] == nil {
			paths[rt.path] = map[string]handler{}
		}
		paths[rt.path][rt.method] = s.authorized(rt)
		if rt.method == http.MethodGet {
			paths[rt.path][http.MethodHead] = s.authorized(rt)
		}
	}
	mux := http.NewServeMux()
	for p, methods := range paths {
		h := s.answer(byMethod(methods))
		mux.Handle(p, h)
		mux.Handle(p+"/{$}", h)
	}
	return mux
}

func byMethod(methods map[string]handler) handler {
	allowed := sortedKeys(methods)
	return func(w http.ResponseWriter, r *http.Request) error {
		if h, ok := methods[r.Method]; ok {
			return h(w, r)
		}
		return &methodError{allowed: allowed}
	}
}

// onlyClean keeps paths from the mux that it would redirect: a client that
// sends // or .. has a bug, and a redirected POST hides it.
func (s *server) onlyClean(next http.Handler) http.Handler {
	unknown := s.answer(unknownPath)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !clean(r.URL.EscapedPath()) || r.Method == http.MethodConnect {
			unknown.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func clean(p string) bool {
	if !strings.HasPrefix(p, "/") || strings.Contains(p, "//") {
		return false
	}
	return p == "/" || path.Clean(p) == strings.TrimSuffix(p, "/")
}

func unknownPath(_ http.ResponseWriter, r *http.Request) error {
	return fault.New(fault.NotFound, "unknown_path",
		"there is nothing at %s; /api/openapi.json lists what there is", shorten(r.URL.EscapedPath()))
}

// methodError is a 405, which no other part of the controller can cause.
type methodError struct{ allowed []string }

func (e *methodError) Error() string {
	return "this path takes " + strings.Join(e.allowed, ", ") + " only"
}

// answer makes an http.Handler of h.
func (s *server) answer(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		setHeaders(w.Header())
		if err := h(w, r); err != nil {
			s.problem(w, r, err)
		}
	})
}

func setHeaders(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	// No answer may be kept: they are about one moment, and for one caller.
	h.Set("Cache-Control", "no-store")
}

// shorten keeps what a client sent from filling an answer or a log.
func shorten(s string) string {
	const most = 200
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
