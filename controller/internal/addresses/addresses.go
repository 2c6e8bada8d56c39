// Package addresses keeps where a controller's doors are in its data directory,
// so that other programs on its host need not be told again how it was started.
package addresses

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"borgfleet/shared/secretfile"
)

// Addresses are those of the last start.
type Addresses struct {
	API         string `json:"api"`          // URL
	AgentListen string `json:"agent_listen"` // URL of the agent listener on this machine
	Agents      string `json:"agents"`       // URL that join tokens carry
}

func file(dataDir string) string { return filepath.Join(dataDir, "addresses.json") }

// Save puts them in the place of the last start's.
func (a Addresses) Save(dataDir string) error {
	data, err := json.MarshalIndent(a, "", "  ")
	if err != nil {
		return fmt.Errorf("save addresses: %w", err)
	}
	return secretfile.Write(file(dataDir), append(data, '\n'), 0o600)
}

// Load reads what Save wrote. known is false if there never was a start.
func Load(dataDir string) (a Addresses, known bool, err error) {
	data, err := os.ReadFile(file(dataDir))
	if errors.Is(err, fs.ErrNotExist) {
		return a, false, nil
	}
	if err != nil {
		return a, false, fmt.Errorf("read addresses: %w", err)
	}
	if err := json.Unmarshal(data, &a); err != nil {
		return a, false, fmt.Errorf("%s is damaged; the next start of the controller writes it anew: %w", file(dataDir), err)
	}
	return a, true, nil
}
