package job

import (
	"fmt"
	"strings"
)

// What Linux takes for a path and for each name in it, in bytes.
const (
	mostPath = 4095
	mostName = 255
)

// PathTooLong says why no host can have a path; empty: one can, by its length.
func PathTooLong(path string) string {
	if len(path) > mostPath {
		return fmt.Sprintf("it has more than %d bytes", mostPath)
	}
	for name := range strings.SplitSeq(path, "/") {
		if len(name) > mostName {
			return fmt.Sprintf("a name in it has more than %d bytes", mostName)
		}
	}
	return ""
}
