package jobdir

import (
	"crypto/rand"
	"fmt"
	"os"
	"strings"
)

const scratchPrefix = "scratch-"

// MakeScratch makes an empty directory for borg's own use, whose name nobody can
// have known before: what borg reads cannot lead it there.
func (d *Dir) MakeScratch() (path string, err error) {
	path = d.file(scratchPrefix + rand.Text())
	if err := os.Mkdir(path, 0o700); err != nil {
		return "", fmt.Errorf("make a directory for borg: %w", err)
	}
	return path, nil
}

// Scratches are those that there are.
func (d *Dir) Scratches() []string {
	entries, _ := os.ReadDir(d.path)
	var out []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), scratchPrefix) {
			out = append(out, d.file(e.Name()))
		}
	}
	return out
}

// RemoveScratches deletes them. No borg may be running that was given one.
func (d *Dir) RemoveScratches() {
	for _, path := range d.Scratches() {
		os.RemoveAll(path)
	}
}
