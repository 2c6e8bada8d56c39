package borg

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"borgfleet/agent/internal/atomicfile"
)

// wrapperAge is how long the version of a binary is believed that does not
// show when it changes: a wrapper script, say, that starts borg from some
// other place.
const wrapperAge = time.Hour

// VersionCache remembers versions of borg binaries, because borg --version
// costs a quarter of a second, longer than all else at the start of a job. It
// is a file shared by the daemon and the job processes, and may be lost at any
// time.
//
// An entry is good while the binary is the same: path, link target, size,
// mtime and inode. A Python script is not borg itself, so its entry holds the
// same of the package beside its interpreter (Debian: dist-packages/borg,
// virtual environments: site-packages/borg). Where no package is found, and
// the file is no program of its own, an entry is good for an hour.
type VersionCache struct {
	file string
	now  func() time.Time

	mu      sync.Mutex // guards entries
	entries map[string]cacheEntry
}

type cacheEntry struct {
	Key     string    `json:"key"`
	Version string    `json:"version"`
	Until   time.Time `json:"until,omitzero"` // zero: as long as the key is the same
}

// OpenVersionCache reads the file if it can; a missing or damaged file is an
// empty cache.
func OpenVersionCache(file string) *VersionCache {
	c := &VersionCache{file: file, now: time.Now}
	c.entries = readCache(file)
	return c
}

func readCache(file string) map[string]cacheEntry {
	entries := make(map[string]cacheEntry)
	if b, err := os.ReadFile(file); err == nil {
		if json.Unmarshal(b, &entries) != nil || entries == nil {
			entries = make(map[string]cacheEntry)
		}
	}
	return entries
}

// Find is the function Find, without starting borg when the answer is known.
func (c *VersionCache) Find(ctx context.Context, nameOrPath string) (Tool, error) {
	path, err := lookup(nameOrPath)
	if err != nil {
		return Tool{}, err
	}
	key, lasting, keyErr := binaryKey(path)
	c.mu.Lock()
	e, ok := c.entries[path]
	c.mu.Unlock()
	if ok && keyErr == nil && e.Key == key && (lasting || c.fresh(e)) {
		if v, err := ParseVersion(e.Version); err == nil {
			return Tool{Path: path, Version: v}, v.Check()
		}
	}
	v, err := askVersion(ctx, path)
	if err != nil {
		return Tool{}, err
	}
	if keyErr == nil {
		e := cacheEntry{Key: key, Version: v.String()}
		if !lasting {
			e.Until = c.now().Add(wrapperAge)
		}
		c.store(path, e)
	}
	return Tool{Path: path, Version: v}, v.Check()
}

// fresh also refuses what was written by a clock that was ahead.
func (c *VersionCache) fresh(e cacheEntry) bool {
	left := e.Until.Sub(c.now())
	return left > 0 && left <= wrapperAge
}

// store replaces the whole cache. Errors are not worth a word: the
// price is a quarter of a second.
func (c *VersionCache) store(path string, e cacheEntry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	merged := readCache(c.file)
	merged[path] = e
	for p, other := range c.entries {
		if _, ok := merged[p]; !ok {
			merged[p] = other
		}
	}
	c.entries = merged
	c.entries[path] = e
	b, err := json.Marshal(merged)
	if err != nil {
		return
	}
	_ = atomicfile.Swap(c.file, b)
}

// binaryKey is equal while the binary is the same. lasting says whether that
// is all there is to it.
func binaryKey(path string) (key string, lasting bool, err error) {
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", false, err
	}
	id, err := fileID(target)
	if err != nil {
		return "", false, err
	}
	interpreter, program := kindOf(target)
	if program {
		return id, true, nil
	}
	if !strings.HasPrefix(filepath.Base(interpreter), "python") {
		return id, false, nil
	}
	packages := packagesOf(interpreter)
	parts := []string{id}
	for _, p := range packages {
		if id, err := fileID(p); err == nil {
			parts = append(parts, id)
		}
	}
	return strings.Join(parts, " "), len(parts) > 1, nil
}

// kindOf returns the interpreter of a script, or that the file is a program.
func kindOf(file string) (interpreter string, program bool) {
	f, err := os.Open(file)
	if err != nil {
		return "", false
	}
	defer f.Close()
	head, _ := bufio.NewReaderSize(f, 512).Peek(256)
	if strings.HasPrefix(string(head), "\x7fELF") {
		return "", true
	}
	line, script := strings.CutPrefix(string(head), "#!")
	if !script {
		return "", false
	}
	line, _, _ = strings.Cut(line, "\n")
	words := strings.Fields(line)
	if len(words) == 0 {
		return "", false
	}
	if filepath.Base(words[0]) == "env" && len(words) == 2 {
		if found, err := exec.LookPath(words[1]); err == nil {
			return found, false
		}
	}
	return words[0], false
}

// packagesOf lists where the interpreter finds borg. The version file is what
// each upgrade writes anew.
func packagesOf(interpreter string) []string {
	prefix := filepath.Dir(filepath.Dir(interpreter))
	var found []string
	for _, pattern := range []string{
		"lib/python3*/dist-packages/borg/_version.py",
		"lib/python3*/site-packages/borg/_version.py",
		"local/lib/python3*/dist-packages/borg/_version.py",
	} {
		if m, err := filepath.Glob(filepath.Join(prefix, pattern)); err == nil {
			found = append(found, m...)
		}
	}
	slices.Sort(found)
	return found
}

func fileID(file string) (string, error) {
	info, err := os.Stat(file)
	if err != nil {
		return "", err
	}
	id := fmt.Sprintf("%s:%d:%d", file, info.Size(), info.ModTime().UnixNano())
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		id += fmt.Sprintf(":%d:%d", st.Dev, st.Ino)
	}
	return id, nil
}
