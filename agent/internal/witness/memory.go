package witness

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"borgfleet/agent/internal/atomicfile"
)

// Memory keeps, for each registration, the facts up to which all changes of its
// repository were this agent's own or were seen by it. One file each; losing it
// costs one list.
type Memory struct{ Dir string }

func (m Memory) file(repository int64) string {
	return filepath.Join(m.Dir, strconv.FormatInt(repository, 10)+".json")
}

// Known is what is remembered; false if nothing is.
func (m Memory) Known(repository int64) (Facts, bool) {
	b, err := os.ReadFile(m.file(repository))
	if err != nil {
		return Facts{}, false
	}
	var f Facts
	if json.Unmarshal(b, &f) != nil {
		return Facts{}, false
	}
	return f, true
}

// Remember replaces it.
func (m Memory) Remember(repository int64, f Facts) error {
	b, err := json.Marshal(f)
	if err == nil {
		err = os.MkdirAll(m.Dir, 0o700)
	}
	if err == nil {
		err = atomicfile.Swap(m.file(repository), b)
	}
	if err != nil {
		return fmt.Errorf("remember the state of repository %d: %w", repository, err)
	}
	return nil
}
