// Package memory keeps one small value for each registration, in a file of its
// own. Losing one costs a look more, and nothing else.
package memory

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"borgfleet/agent/internal/atomicfile"
)

// Of is such values, below Dir.
type Of[T any] struct{ Dir string }

func (m Of[T]) file(repository int64) string {
	return filepath.Join(m.Dir, strconv.FormatInt(repository, 10)+".json")
}

// Get is what is remembered; false if nothing is.
func (m Of[T]) Get(repository int64) (v T, ok bool) {
	b, err := os.ReadFile(m.file(repository))
	if err != nil || json.Unmarshal(b, &v) != nil {
		var none T
		return none, false
	}
	return v, true
}

// Put replaces it.
func (m Of[T]) Put(repository int64, v T) error {
	b, err := json.Marshal(v)
	if err == nil {
		err = os.MkdirAll(m.Dir, 0o700)
	}
	if err == nil {
		err = atomicfile.Swap(m.file(repository), b)
	}
	if err != nil {
		return fmt.Errorf("repository %d: %w", repository, err)
	}
	return nil
}
