package borg

import (
	"bufio"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"borgfleet/agent/internal/shortfile"
	"borgfleet/shared/job"
)

// Root is the directory below which borg keeps what it knows: keys, caches and
// its memory of the repositories it has used. borg 1.2 and 1.4 lay it out alike.
func (h Host) Root() string {
	if h.BaseDir != "" {
		return h.BaseDir
	}
	return h.Home
}

// CacheDir holds borg's caches, one directory for each repository's id.
func (h Host) CacheDir() string { return filepath.Join(h.Root(), ".cache", "borg") }

// ConfigDir holds borg's keys and its memory.
func (h Host) ConfigDir() string { return filepath.Join(h.Root(), ".config", "borg") }

// SecurityDir holds what borg remembers of the repositories it has used, one
// directory for each id.
func (h Host) SecurityDir() string { return filepath.Join(h.ConfigDir(), "security") }

// Knows says whether borg has used the repository with these directories, at
// this place or, if it is on a disk of this host, at another one. It asks
// nobody else: neither the network nor borg, which would remember the question.
func (h Host) Knows(repository string) bool {
	normal, local := job.NormalPath(repository)
	if local {
		if id, err := RepositoryID(normal); err == nil {
			if _, err := os.Stat(filepath.Join(h.SecurityDir(), id)); err == nil {
				return true
			}
		}
	}
	places, err := filepath.Glob(filepath.Join(quoteGlob(h.SecurityDir()), "*", "location"))
	if err != nil {
		return false
	}
	for _, file := range places {
		place, err := readShort(file)
		if err != nil {
			continue
		}
		if had, there := job.NormalPath(strings.TrimSpace(place)); had == normal && there == local {
			return true
		}
	}
	return false
}

// quoteGlob makes every character of a path stand for itself.
func quoteGlob(s string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(s)
}

var errNoRepository = errors.New("there is no borg repository")

// RepositoryID reads borg's id of a repository on a disk of this host.
func RepositoryID(path string) (string, error) {
	text, err := readShort(filepath.Join(path, "config"))
	if err != nil {
		return "", err
	}
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		name, value, ok := strings.Cut(lines.Text(), "=")
		if id := strings.TrimSpace(value); ok && strings.TrimSpace(name) == "id" && IsID(id) {
			return id, nil
		}
	}
	return "", errNoRepository
}

// IsID keeps what was read, or what the controller says, from being a path of its
// own.
func IsID(s string) bool {
	return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == ""
}

// readShort reads a file that has no reason to be long.
func readShort(path string) (string, error) {
	b, err := shortfile.Read(path, 64<<10)
	return string(b), err
}
