package api

import (
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"borgfleet/controller/internal/fault"
	"borgfleet/shared/job"
)

// checkParameters refuses parameters that the route does not have: a filter
// that is dropped silently lies about what was found.
func checkParameters(r *http.Request, known []string) error {
	if r.URL.RawQuery == "" {
		return nil
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return fault.InvalidField("query", "it is not well-formed: escape %%, & and ; in values")
	}
	var bad problems
	for _, name := range sortedKeys(values) {
		if !slices.Contains(known, name) {
			bad.add("query."+shorten(strings.ToValidUTF8(name, "\uFFFD")), "there is no such parameter; %s", listKnown(known))
		}
	}
	return bad.err()
}

func listKnown(known []string) string {
	if len(known) == 0 {
		return "none is known here"
	}
	return "known are " + strings.Join(known, ", ")
}

// query reads parameters and collects what is wrong with them.
type query struct {
	values url.Values
	bad    problems
}

// readQuery must come after checkParameters, which knows the query to be
// well-formed.
func readQuery(r *http.Request) *query { return &query{values: r.URL.Query()} }

// one is the only value of name, and whether it is there.
func (q *query) one(name string) (string, bool) {
	all, ok := q.values[name]
	switch {
	case !ok:
		return "", false
	case len(all) > 1:
		q.bad.add("query."+name, "it is given %d times; once is meant", len(all))
		return "", false
	case all[0] == "":
		q.bad.add("query."+name, "it is empty; leave it out to have no filter")
		return "", false
	case !utf8.ValidString(all[0]):
		q.bad.add("query."+name, "it is not UTF-8")
		return "", false
	}
	return all[0], true
}

func (q *query) text(name string) string {
	v, _ := q.one(name)
	return v
}

// texts reads a text that may be given several times.
func (q *query) texts(name string) []string {
	for _, v := range q.values[name] {
		if v == "" || !utf8.ValidString(v) {
			q.bad.add("query."+name, "it is empty or not UTF-8")
		}
	}
	return q.values[name]
}

// flag takes true, false, 1 and 0, and True because Python writes it so.
func (q *query) flag(name string) bool {
	v, ok := q.one(name)
	if !ok {
		return false
	}
	switch v {
	case "true", "True", "TRUE", "1":
		return true
	case "false", "False", "FALSE", "0":
		return false
	}
	q.bad.add("query."+name, "it must be true or false, not %q", shorten(v))
	return false
}

// number reads a whole number of at least least. Numbers that no integer holds
// become the largest.
func (q *query) number(name string, missing, least int64) int64 {
	v, ok := q.one(name)
	if !ok {
		return missing
	}
	if !isInteger(v) {
		q.bad.add("query."+name, "it must be a whole number, not %q", shorten(v))
		return missing
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil && !strings.HasPrefix(v, "-") {
		return math.MaxInt64
	}
	if err != nil || n < least {
		q.bad.add("query."+name, "it must be at least %d", least)
		return missing
	}
	return n
}

// limit reads how much to answer at most; more than most is answered with most.
func (q *query) limit(missing, most int64) int {
	return int(min(q.number("limit", missing, 1), most))
}

func (q *query) moment(name string) time.Time {
	v, ok := q.one(name)
	if !ok {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, v)
	// time.Parse takes more than RFC 3339: an hour of one digit, and a comma.
	if err != nil || v[len("2006-01-02T15")] != ':' || strings.Contains(v, ",") {
		hint := ""
		if strings.Contains(v, " ") {
			hint = "; a + in a query is written %2B"
		}
		q.bad.add("query."+name, "it must be a time such as 2024-01-15T10:00:00Z%s", hint)
	}
	return t
}

// each reads a parameter that may be given several times.
func each[T any](q *query, name string, parse func(string) (T, error), allowed []T) []T {
	var out []T
	for _, v := range q.values[name] {
		t, err := parse(v)
		if err != nil {
			q.bad.add("query."+name, "%q is none of %s", shorten(strings.ToValidUTF8(v, "\uFFFD")), join(allowed))
			continue
		}
		out = append(out, t)
	}
	return out
}

// label reads key=value.
func (q *query) label(name string) string {
	label := q.text(name)
	if key, _, ok := strings.Cut(label, "="); label != "" && (!ok || key == "") {
		q.bad.add("query."+name, "write it as key=value")
	}
	return label
}

// kinds are those of the jobs that are asked for: backups, if none is named.
func (q *query) kinds() []job.Kind {
	kinds := each(q, "kind", job.ParseKind, job.Kinds())
	if len(kinds) == 0 {
		kinds = []job.Kind{job.Backup}
	}
	return kinds
}

// isInteger says whether s is digits, with a minus at most.
func isInteger(s string) bool {
	digits := strings.TrimPrefix(s, "-")
	return digits != "" && strings.Trim(digits, "0123456789") == ""
}
