package api

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"net/http"
	"path"
	"strings"

	"borgfleet/controller/internal/fault"
)

// docsFiles are the page that shows openapi.json to people.
//
//go:embed docs
var docsFiles embed.FS

// docsPolicy lets the page load its own files and ask its own host, and
// nothing else: no script or style within the page, no other host, no frame, and
// no way for a script to read a text as HTML.
const docsPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"

func (s *server) docs(w http.ResponseWriter, r *http.Request) error {
	return docsFile(w, r, "index.html")
}

func (s *server) docsPart(w http.ResponseWriter, r *http.Request) error {
	return docsFile(w, r, r.PathValue("file"))
}

func docsFile(w http.ResponseWriter, r *http.Request, name string) error {
	data, err := docsFiles.ReadFile("docs/" + name)
	if err != nil {
		return fault.New(fault.NotFound, "unknown_path", "/api/docs has no file %q; /api/docs itself is the page", shorten(name))
	}
	w.Header().Set("Content-Security-Policy", docsPolicy)
	sendFile(w, r, docsType(name), data)
	return nil
}

// docsType is not asked from the machine, whose tables differ: with nosniff, a
// browser runs a script of the right type only.
func docsType(name string) string {
	switch path.Ext(name) {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	}
	return "text/html; charset=utf-8"
}

// sendFile sends what is the same for everybody until the program is replaced.
// A browser may keep it, but asks each time whether it still holds: a page of
// one version with the script of another would fail in odd ways.
func sendFile(w http.ResponseWriter, r *http.Request, mediaType string, data []byte) {
	sum := sha256.Sum256(data)
	tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("ETag", tag)
	if strings.Contains(r.Header.Get("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	send(w, http.StatusOK, mediaType, data)
}
