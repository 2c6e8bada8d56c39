package api

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"borgfleet/controller/internal/audit"
	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/fleet"
	"borgfleet/shared/crowd"
)

type principalKey struct{}

// caller is who sent r; the zero Principal on a public route.
func caller(r *http.Request) Principal {
	p, _ := r.Context().Value(principalKey{}).(Principal)
	return p
}

// authorized lets only those through that may use the route.
func (s *server) authorized(rt route) handler {
	name := s.names[rt.method+" "+rt.path]
	return func(w http.ResponseWriter, r *http.Request) error {
		noteOperation(w, name)
		call := audit.Of(r.Context())
		call.What(name, rt.method != get && !rt.reads)
		call.On(rt.on(r))
		if rt.role == "" {
			return fault.New(fault.Forbidden, "no_rule", "nobody may do this: the route says for whom it is nowhere")
		}
		if rt.role != Public {
			who, err := s.identify(r, rt.queryToken)
			if err != nil {
				return err
			}
			crowd.Known(r.Context(), who.User)
			noteCaller(w, who)
			call.Is(who.User, via(who))
			if !who.Role.May(rt.role) {
				return fault.New(fault.Forbidden, "forbidden", "this needs the role %s, and %s has the role %q", rt.role, whose(who), who.Role)
			}
			ctx := context.WithValue(r.Context(), principalKey{}, who)
			if who.Scope != nil {
				if !rt.scoped {
					return fault.New(fault.Forbidden, "token_scope", "this API token is for a part of the fleet, and this is about all of it: use one without --repository and --agent, or log in")
				}
				ctx = fleet.WithScope(ctx, who.Scope)
			}
			r = r.WithContext(ctx)
		}
		if err := checkParameters(r, rt.query); err != nil {
			return err
		}
		return rt.handle(w, r)
	}
}

// still says whether the one who sent r could send it now and has the role.
func (s *server) still(r *http.Request, role Role) error {
	who, err := s.identify(r, false)
	if err == nil && !who.Role.May(role) {
		err = fault.New(fault.Forbidden, "forbidden", "this needs the role %s, and %s has the role %q now", role, whose(who), who.Role)
	}
	return err
}

// whose says who has the role: that of a token may be less than its user's.
func whose(who Principal) string {
	if who.APIToken != "" {
		return "the API token " + who.APIToken + " of " + who.User
	}
	return who.User
}

func (s *server) identify(r *http.Request, queryToken bool) (Principal, error) {
	if s.Principal != nil {
		if who, ok := s.Principal(r); ok {
			return who, nil
		}
	}
	if token := r.URL.Query().Get("token"); queryToken && token != "" {
		// What is no id is no job either; the handler says so.
		id, _ := strconv.ParseInt(r.PathValue("job_id"), 10, 64)
		audit.Of(r.Context()).Presented()
		return s.Auth.VerifyDownload(token, id)
	}
	token := headerToken(r.Header)
	if token == "" {
		return Principal{}, fault.New(fault.Unauthenticated, "unauthenticated",
			"log in first: send the header Authorization: Bearer with a token from POST /api/auth/login")
	}
	audit.Of(r.Context()).Presented()
	return s.Auth.Verify(token)
}

// headerToken reads X-Borg-Authorization first: a proxy in front may use
// Authorization for itself. Where the first is there, the second is not ours.
func headerToken(h http.Header) string {
	value := h.Get("X-Borg-Authorization")
	if value == "" {
		value = h.Get("Authorization")
	}
	scheme, token, _ := strings.Cut(value, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}
