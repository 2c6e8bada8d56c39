package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDocumentLinks: each link in a document leads to a file that is there, and
// each document can be reached from the README.
func TestDocumentLinks(t *testing.T) {
	t.Parallel()
	const root = "../.."
	link := regexp.MustCompile(`\]\(([^)#\s]+)`)
	reached := map[string]bool{}
	var read func(file string)
	read = func(file string) {
		if reached[file] {
			return
		}
		reached[file] = true
		data, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Error(err)
			return
		}
		for _, m := range link.FindAllStringSubmatch(string(data), -1) {
			to := m[1]
			if strings.Contains(to, "://") {
				continue
			}
			to = filepath.Join(filepath.Dir(file), to)
			if filepath.Ext(to) == ".md" {
				read(to)
			} else if _, err := os.Stat(filepath.Join(root, to)); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
	}
	read("README.md")
	documents, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	fatal(t, err)
	for _, d := range documents {
		if file, err := filepath.Rel(root, d); err != nil || !reached[file] {
			t.Errorf("no link leads to %s (%v)", file, err)
		}
	}
}
