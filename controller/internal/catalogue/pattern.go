package catalogue

import (
	"cmp"
	"strings"

	"borgfleet/shared/job"
)

// Pattern is the glob for the archives of a registration: its own, or one that
// matches what its archive names are made from. agent is the name that the host
// knows.
func Pattern(def job.Repository, agent string) string {
	if def.MatchArchives != "" {
		return def.MatchArchives
	}
	format := cmp.Or(def.ArchiveNameFormat, job.DefaultArchiveName)
	return strings.NewReplacer(
		"{agent}", job.NameInArchive(agent), "{repository}", job.NameInArchive(def.Name),
		"{now}", "*", "{utcnow}", "*", "{job}", "*",
	).Replace(format)
}
