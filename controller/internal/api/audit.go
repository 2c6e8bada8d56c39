package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"path"
	"strings"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/audit"
	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
)

// Audit keeps the audit log.
type Audit interface {
	Begin(ctx context.Context, from string) context.Context
	Answer(ctx context.Context, status int, code string)
	Entries(f store.AuditFilter, cursor string, limit int) (entries []store.AuditEntry, next string, err error)
}

var _ Audit = (*audit.Trail)(nil)

const (
	defaultAudit = 100
	mostAudit    = 1000
)

// What somebody's name can have been proven with, beside a login and an API token.
const (
	viaPassword = "password"
	viaSocket   = "admin socket"
	viaLink     = "download token"
)

func via(who Principal) string {
	switch {
	case who.Local:
		return viaSocket
	case who.APIToken != "":
		return "token/" + who.APIToken
	case who.Login.ID != "":
		return "login"
	}
	return viaLink
}

// origin is where a request comes from.
func (s *server) origin(r *http.Request) string {
	if at := s.address(r); at.IsValid() {
		return at.String()
	}
	return viaSocket
}

// on is the thing that the path names, as far as it names one.
func (rt route) on(r *http.Request) string {
	if id := r.PathValue("job_id"); id != "" {
		return "job/" + id
	}
	for _, name := range []string{"id", "name"} {
		before, _, named := strings.Cut(rt.path, "/{"+name+"}")
		if named {
			return singular(path.Base(before)) + "/" + r.PathValue(name)
		}
	}
	return ""
}

func singular(collection string) string {
	if short, ok := strings.CutSuffix(collection, "ies"); ok {
		return short + "y"
	}
	return strings.TrimSuffix(collection, "s")
}

// operationNames are those that the contract gives its operations, by method and
// path: the audit log calls them the same. That each route has one is for a test
// to see: the contract is a part of this program.
func operationNames() map[string]string {
	var doc struct {
		Paths map[string]map[string]struct {
			OperationID string `json:"operationId"`
		}
	}
	_ = json.Unmarshal(contract, &doc)
	names := map[string]string{}
	for p, operations := range doc.Paths {
		for method, op := range operations {
			names[strings.ToUpper(method)+" "+p] = op.OperationID
		}
	}
	return names
}

func auditParameters() []string {
	return []string{"limit", "who", "what", "on", "outcome", "since", "until", "cursor"}
}

func (s *server) listAudit(w http.ResponseWriter, r *http.Request) error {
	in := readQuery(r)
	limit := in.limit(defaultAudit, mostAudit)
	f := store.AuditFilter{
		Who: in.text("who"), On: in.text("on"), Whats: in.texts("what"),
		Outcomes: each(in, "outcome", parseOutcome, audit.Outcomes()),
		Since:    in.moment("since"), Until: in.moment("until"),
	}
	cursor := in.text("cursor")
	if err := in.bad.err(); err != nil {
		return err
	}
	entries, next, err := s.Audit.Entries(f, cursor, limit)
	if errors.Is(err, store.ErrAuditCursor) {
		return fault.InvalidField("query.cursor", "it was not given for this list: use next_cursor with the same filters, or leave it out")
	}
	if err != nil {
		return err
	}
	list := rest.AuditLog{Entries: make([]rest.AuditEntry, 0, len(entries)), NextCursor: orNull(next)}
	for _, e := range entries {
		list.Entries = append(list.Entries, rest.AuditEntry{
			ID: e.ID, At: rest.At(e.At), Who: orNull(e.Who), Via: orNull(e.Via), From: orNull(e.From), What: e.What,
			On: orNull(e.On), Detail: orNull(e.Detail), Outcome: e.Outcome, Code: orNull(e.Code), Count: e.Count,
		})
	}
	return writeJSON(w, http.StatusOK, list)
}

func parseOutcome(s string) (string, error) {
	for _, o := range audit.Outcomes() {
		if o == s {
			return o, nil
		}
	}
	return "", errors.New("it is none")
}
