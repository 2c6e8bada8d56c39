// Package mountinfo reads what is mounted where, as the kernel tells it.
package mountinfo

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Mount is a part of a file system and where it is to be seen.
type Mount struct {
	ID     uint64
	Device string // the same for all mounts of one file system
	Root   string // what is mounted of it
	Point  string
	Type   string
}

// Read reads a file mountinfo of procfs; what was mounted first comes first.
func Read(file string) ([]Mount, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("look at the mounts: %w", err)
	}
	defer f.Close()
	return parse(f)
}

func parse(r io.Reader) (all []Mount, err error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20) // an overlay names many directories
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		optional := slices.Index(f, "-") // ends fields of which there may be any number
		if optional < 6 || len(f) < optional+2 {
			continue
		}
		id, err := strconv.ParseUint(f[0], 10, 64)
		if err != nil {
			continue
		}
		all = append(all, Mount{ID: id, Device: f[2], Root: unescape(f[3]), Point: unescape(f[4]), Type: f[optional+1]})
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("look at the mounts: %w", err)
	}
	return all, nil
}

// unescape undoes what the kernel does to names.
func unescape(name string) string {
	if !strings.Contains(name, `\`) { // almost all; a Replacer is much to make
		return name
	}
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(name)
}
