package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

const (
	intro = "These programs hold code of others, under the licences below. borgfleet's own\nis not among them: see copyright.\n"
	rule  = "================================================================================"
)

var (
	licence = regexp.MustCompile(`(?i)^(licen[cs]es?|copying|copyright|unlicense)([-._].*)?$`)
	notice  = regexp.MustCompile(`(?i)^(notice|patents)([-._].*)?$`)
	code    = regexp.MustCompile(`\.(go|s|c|h)$`)
)

// write prints each part with all that its authors want said of it.
func (all parts) write(out io.Writer) error {
	w := bufio.NewWriter(out)
	fmt.Fprint(w, intro)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		files, err := all[name].files()
		if err != nil {
			return fmt.Errorf("look for the licence of %s: %w", name, err)
		}
		fmt.Fprintf(w, "\n%s\n%s\n", rule, name)
		for _, file := range files {
			text, err := os.ReadFile(filepath.Join(all[name].root, file))
			if err != nil {
				return fmt.Errorf("read the licence of %s: %w", name, err)
			}
			text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
			fmt.Fprintf(w, "\n---- %s\n\n%s\n", file, bytes.Trim(text, "\n"))
		}
	}
	return w.Flush()
}

// files are the licences and notices of a part: those at its root, and those
// beside packages that are linked or above them, for what their authors took from
// elsewhere.
func (p *part) files() ([]string, error) {
	dirs := map[string]struct{}{".": {}}
	for dir := range p.packages {
		below, err := filepath.Rel(p.root, dir)
		if err != nil || below == ".." || strings.HasPrefix(below, "../") {
			return nil, fmt.Errorf("%s is not below %s", dir, p.root)
		}
		for ; below != "."; below = filepath.Dir(below) {
			dirs[below] = struct{}{}
		}
	}
	var out []string
	licensed := false
	for _, dir := range slices.Sorted(maps.Keys(dirs)) {
		entries, err := os.ReadDir(filepath.Join(p.root, dir))
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			name := e.Name()
			if !e.Type().IsRegular() || code.MatchString(name) || !licence.MatchString(name) && !notice.MatchString(name) {
				continue
			}
			licensed = licensed || licence.MatchString(name)
			out = append(out, filepath.Join(dir, name))
		}
	}
	if !licensed {
		return nil, errors.New("it has none: ask its authors, or do without it")
	}
	return out, nil
}
