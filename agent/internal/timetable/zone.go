package timetable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// HostZone is the host's time zone and its IANA name, which is empty where the
// host does not tell it. It is read anew each time, but for one without a name,
// which a process reads once.
func HostZone() (*time.Location, string) { return hostZone(os.Getenv("TZ"), "/etc") }

func hostZone(env, etc string) (*time.Location, string) {
	names := []string{strings.TrimPrefix(env, ":")}
	if target, err := os.Readlink(filepath.Join(etc, "localtime")); err == nil {
		if _, name, ok := strings.Cut(target, "zoneinfo/"); ok {
			names = append(names, name)
		}
	}
	if b, err := os.ReadFile(filepath.Join(etc, "timezone")); err == nil {
		names = append(names, strings.TrimSpace(string(b)))
	}
	for _, name := range names {
		if name == "" || name == "Local" {
			continue
		}
		if loc, err := time.LoadLocation(name); err == nil {
			return loc, name
		}
	}
	if _, err := os.Stat(filepath.Join(etc, "localtime")); errors.Is(err, fs.ErrNotExist) && env == "" {
		return time.UTC, "UTC" // as the C library has it
	}
	return time.Local, ""
}
