package backup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"borgfleet/shared/secretfile"
)

// NewAuthorityMark is a file in a data directory which says that a new authority is
// meant: without it a controller whose store knows hosts does not make one. It is
// beside the authority's directory, which is empty, too, where a disk is not mounted.
const NewAuthorityMark = "new-authority"

// NewAuthorityWanted says whether the mark is there.
func NewAuthorityWanted(dataDir string) (bool, error) {
	_, err := os.Lstat(filepath.Join(dataDir, NewAuthorityMark))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for the mark of a new authority: %w", err)
	}
	return true, nil
}

// ForgetNewAuthority removes the mark, which may not be there.
func ForgetNewAuthority(dataDir string) error {
	wanted, err := NewAuthorityWanted(dataDir)
	if err != nil || !wanted {
		return err
	}
	if err := os.Remove(filepath.Join(dataDir, NewAuthorityMark)); err != nil {
		return fmt.Errorf("remove the mark of a new authority: %w", err)
	}
	return secretfile.SyncDir(dataDir)
}
