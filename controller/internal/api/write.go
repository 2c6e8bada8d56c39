package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
)

// writeJSON writes body whole: it is encoded before the first byte is sent, so
// that an error can still be told.
func writeJSON(w http.ResponseWriter, status int, body any) error {
	data, err := encode(body)
	if err != nil {
		return err
	}
	send(w, status, "application/json", data)
	return nil
}

// writeBody is writeJSON for bodies that always encode.
func writeBody(w http.ResponseWriter, status int, mediaType string, body any) {
	data, err := encode(body)
	if err != nil {
		status, data = http.StatusInternalServerError, nil
	}
	send(w, status, mediaType, data)
}

func encode(body any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false) // paths have & and <, and no browser reads this as a page
	if err := enc.Encode(body); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

func send(w http.ResponseWriter, status int, mediaType string, data []byte) {
	h := w.Header()
	h.Set("Content-Type", mediaType)
	h.Set("Content-Length", strconv.Itoa(len(data)))
	w.WriteHeader(status)
	// A client that has gone is the only reason for this to fail.
	_, _ = w.Write(data)
}
