package jobproc

import (
	"os"
	"strings"

	"borgfleet/shared/job"
)

// checkSources refuses a backup of nothing: borg would make an empty archive,
// and retention would count it as the day's backup. If only some sources are
// missing borg goes on without them and says so.
func checkSources(sources []string) error {
	if gone := missing(sources); len(gone) == len(sources) && len(gone) > 0 {
		if len(gone) == 1 {
			return failf(job.CodeSourcesMissing, "the source directory %s does not exist", gone[0])
		}
		return failf(job.CodeSourcesMissing, "none of the source directories exists: %s", strings.Join(gone, ", "))
	}
	return nil
}

func missing(sources []string) []string {
	var gone []string
	for _, s := range sources {
		if _, err := os.Lstat(s); os.IsNotExist(err) {
			gone = append(gone, s)
		}
	}
	return gone
}
