package api

import (
	"log/slog"
	"net/http"
	"time"
)

// writeTime is how long a client may take for an answer, or for each part of
// one that is sent in parts. A cancel, an init and a list of archives may wait
// for 10 s of it, a look into an archive for 30 s.
const writeTime = 60 * time.Second

// HTTPServer makes the server for handler. Its times end the connections of
// clients that read or write too slowly; nobody can hold one for nothing.
func HTTPServer(handler http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      writeTime,
		IdleTimeout:       120 * time.Second,
		MaxHeaderBytes:    64 << 10,
		// A connection of a stranger can have as many bodies begun.
		HTTP2:    &http.HTTP2Config{MaxConcurrentStreams: 32},
		ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
}
