package api

import (
	"net/http"
	"strconv"
	"strings"

	"borgfleet/controller/internal/api/rest"
)

// wantsEvents says whether the client would rather have server-sent events than
// JSON. JSON is what this answers to everybody who does not name the other:
// clients that take anything must get what the documented API gives.
func wantsEvents(h http.Header) bool {
	events, _ := quality(h, rest.EventStreamType)
	for _, form := range []string{"application/json", "application/*", "*/*"} {
		if asJSON, named := quality(h, form); named {
			return events > asJSON || events == asJSON && events > 0 && form != "application/json"
		}
	}
	return events > 0
}

// quality is how much the client wants what it calls by this name.
func quality(h http.Header, mediaType string) (q float64, named bool) {
	for _, field := range h.Values("Accept") {
		for item := range strings.SplitSeq(field, ",") {
			name, parameters, _ := strings.Cut(item, ";")
			if strings.EqualFold(strings.TrimSpace(name), mediaType) {
				return weight(parameters), true
			}
		}
	}
	return 0, false
}

// weight reads the q of a media range: 1 if there is none. One that is no
// number counts as none at all.
func weight(parameters string) float64 {
	for p := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		if !strings.EqualFold(name, "q") {
			continue
		}
		q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil || q < 0 || q > 1 {
			return 0
		}
		return q
	}
	return 1
}
