package borg

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"borgfleet/shared/job"
)

// CacheDamage is what borg said when it could not read its own cache of a
// repository. It reads the cache before it writes anything to the repository.
// It writes it without a sync, so a power cut leaves a torn one.
type CacheDamage struct {
	Reason string // the exception
	dir    string // as far as borg named it
}

// cacheDamage reads an error message of the borg on this host.
func cacheDamage(text string) *CacheDamage {
	line := exceptionLine(text)
	inCache := strings.HasPrefix(line, "File failed integrity check: ") && cacheDirName.MatchString(line)
	if !inCache && !cacheFrame.MatchString(text) {
		return nil
	}
	if codeOfException(line) != CodeBorgCrashed || notTheCaches.MatchString(line) {
		return nil // a disk that is full or may not be read is no damage
	}
	return &CacheDamage{Reason: clip(line, 500), dir: cacheDirName.FindString(line)}
}

// cacheFrame is a line of a traceback of borg's: the functions that read the
// cache's files. What happens in others, such as those that compare it with the
// security directory, is not healed by a new cache.
var cacheFrame = regexp.MustCompile(`(?m)^ *File ".*cache\.py", line \d+, in (load|_check_upgrade|rollback|_do_open|read_archive_index)\r?$`)

// cacheDirName ends with the repository's id.
var cacheDirName = regexp.MustCompile(`/[^\n']*/\.cache/borg/[0-9a-f]{64}`)

// notTheCaches are exceptions that can come up anywhere.
var notTheCaches = regexp.MustCompile(`^(MemoryError|KeyboardInterrupt|SystemExit|.*Sig(Term|Hup|Int))`)

// CacheDamage is nil unless borg ended because it could not read its cache.
func (t *Tracker) CacheDamage() *CacheDamage { return t.cache }

// DamagedCache says whether a short command of Tool.Run's ended because borg
// could not read its cache.
func DamagedCache(stderr []byte, exit Exit) *CacheDamage {
	if exit.Err != nil || exit.Good() {
		return nil
	}
	return track(stderr).CacheDamage()
}

// DropCache removes borg's cache of a repository; the next borg builds it again.
// borg itself does it, while it holds the repository's lock for itself: nobody
// else's borg is in the cache then.
func DropCache(h Host, repo job.Repository) (Invocation, error) {
	if _, err := ParseLocation(repo.Path); err != nil {
		return Invocation{}, err
	}
	inv, err := command(h, repo, "delete", repo.BorgID == "", false)
	if err != nil {
		return Invocation{}, err
	}
	inv.Args = append(inv.Args, "--cache-only", "--", repo.Path)
	return inv, nil
}

// MakeDroppable puts the file there that borg looks for: it takes a directory
// without one for no cache, and leaves it as it is.
func (c *CacheDamage) MakeDroppable(h Host) error {
	dir := c.Dir(h)
	if dir == "" {
		return nil
	}
	f, err := os.OpenFile(filepath.Join(dir, "config"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist), errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("prepare the removal of borg's cache: %w", err)
	}
	return f.Close()
}

// Dir is the cache's directory, if borg named it and it is one of h's.
func (c *CacheDamage) Dir(h Host) string {
	if filepath.Dir(c.dir) != h.CacheDir() {
		return ""
	}
	return c.dir
}

// ReadDropped reads the answer to DropCache.
func ReadDropped(_, stderr []byte, exit Exit) error {
	if exit.Err != nil {
		return asError(exit.Err)
	}
	if !exit.Good() {
		code, message := explain(exit, track(stderr), "")
		return &Error{code, message}
	}
	return nil
}
