package timetable

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"borgfleet/agent/internal/atomicfile"
	"borgfleet/shared/schedule"
)

// cursors are what is remembered, in a file for each repository, by the key of the
// schedule. A file that is lost or damaged begins anew: no run before now is due.
type cursors struct {
	dir  string
	read map[int64]map[string]schedule.Cursor
}

func (c cursors) file(repository int64) string {
	return filepath.Join(c.dir, strconv.FormatInt(repository, 10)+".json")
}

func (c cursors) of(repository int64) map[string]schedule.Cursor {
	if all, ok := c.read[repository]; ok {
		return all
	}
	all := map[string]schedule.Cursor{}
	b, err := os.ReadFile(c.file(repository))
	if err != nil || json.Unmarshal(b, &all) != nil {
		all = map[string]schedule.Cursor{}
	}
	c.read[repository] = all
	return all
}

// put returns when it is on the disk: what was fired must not be asked for again
// after a power cut, when the clock may be anywhere.
func (c cursors) put(repository int64, all map[string]schedule.Cursor) error {
	b, err := json.Marshal(all)
	if err == nil {
		err = os.MkdirAll(c.dir, 0o700)
	}
	if err == nil {
		err = atomicfile.Write(c.file(repository), b)
	}
	if err != nil {
		return fmt.Errorf("repository %d: %w", repository, err)
	}
	c.read[repository] = all
	return nil
}

// only forgets all repositories but these.
func (c cursors) only(repositories []int64) {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		id, err := strconv.ParseInt(strings.TrimSuffix(e.Name(), ".json"), 10, 64)
		if err == nil && !slices.Contains(repositories, id) {
			os.Remove(filepath.Join(c.dir, e.Name()))
			delete(c.read, id)
		}
	}
}
