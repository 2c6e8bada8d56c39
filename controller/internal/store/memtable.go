package store

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
)

// removeEmptyMemtables helps Badger over a power cut between the creation of a
// memtable and its size, or between the end of one, which Badger truncates, and
// its removal. It refuses to open a memtable without a byte, and the whole store
// with it. Nothing is lost: the first held nothing yet, the contents of the
// second are in a table that was synced before.
func (d *dir) removeEmptyMemtables(log *slog.Logger) error {
	entries, err := os.ReadDir(d.data())
	if err != nil {
		return fmt.Errorf("look for memtables: %w", err)
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || filepath.Ext(e.Name()) != ".mem" {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return fmt.Errorf("look at a memtable: %w", err)
		}
		if info.Size() > 0 {
			continue
		}
		table := filepath.Join(d.data(), e.Name())
		if err := os.Remove(table); err != nil {
			return fmt.Errorf("remove an empty memtable: %w", err)
		}
		log.Warn("an empty memtable was removed, as a power cut leaves one", "file", table)
	}
	return nil
}
