// Package logging makes the programs' loggers.
package logging

import (
	"fmt"
	"io"
	"log/slog"
)

// New logs to w as text, from level (debug, info, warn, error) on.
func New(w io.Writer, level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("log level %q: it is debug, info, warn or error", level)
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: l})), nil
}
