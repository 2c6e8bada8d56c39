package api

import (
	"net/http"
	"strconv"
	"strings"

	"borgfleet/controller/internal/fault"
)

// pathID reads an integer id from the path. One that no thing can have is
// answered like one that no thing has.
func pathID(r *http.Request, name, thing string) (int64, error) {
	text := r.PathValue(name)
	if !isInteger(text) {
		return 0, fault.InvalidField("path."+name, "it must be a whole number, not %q", shorten(strings.ToValidUTF8(text, "\uFFFD")))
	}
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id <= 0 {
		return 0, fault.New(fault.NotFound, thing+"_not_found", "there is no %s %s", thing, shorten(text))
	}
	return id, nil
}

// pathWord reads a name from the path, fit to be told back.
func pathWord(r *http.Request, name string) string {
	return shorten(strings.ToValidUTF8(r.PathValue(name), "\uFFFD"))
}
