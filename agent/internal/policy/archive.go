package policy

import (
	"fmt"
	"path/filepath"
	"strings"

	"borgfleet/shared/job"
)

// archive is form for what names an archive and things in it.
func (p *Policy) archive(spec job.Spec) *Refusal {
	if why := badArchiveOrder(spec); why != "" {
		return &Refusal{Rule: RuleForm, Message: why}
	}
	return nil
}

func badArchiveOrder(spec job.Spec) string {
	if l := spec.List; l != nil && l.Archive != "" {
		if why := badValue(l.Archive); why != "" {
			return fmt.Sprintf("the archive %q %s", l.Archive, why)
		}
		if why := badArchivePath(l.Path); l.Path != "" && why != "" {
			return fmt.Sprintf("the path %q %s", l.Path, why)
		}
	}
	if spec.Kind != job.Restore {
		return ""
	}
	r := spec.Restore
	if r == nil || r.Archive == "" || r.Destination == "" {
		return "the order to restore names no archive or no destination"
	}
	if why := badValue(r.Archive); why != "" {
		return fmt.Sprintf("the archive %q %s", r.Archive, why)
	}
	if why := badValue(r.Destination); why != "" {
		return fmt.Sprintf("the destination %q %s", r.Destination, why)
	}
	if !filepath.IsAbs(r.Destination) || filepath.Clean(r.Destination) != r.Destination {
		return fmt.Sprintf("the destination %q is not an absolute path without empty parts, . and ..", r.Destination)
	}
	for _, path := range r.Paths {
		if why := badArchivePath(path); why != "" {
			return fmt.Sprintf("the path %q %s", path, why)
		}
	}
	return ""
}

// badArchivePath says what is wrong with a path in an archive. Any bytes may be
// in it but NUL: it names what some host has, and goes to borg with its style in
// front, so a dash does no harm either.
func badArchivePath(path string) string {
	switch {
	case path == "":
		return "is empty"
	case strings.HasPrefix(path, "/"):
		return "is absolute; paths in an archive have no leading slash"
	case strings.ContainsRune(path, 0):
		return "holds a NUL"
	}
	for part := range strings.SplitSeq(path, "/") {
		if part == ".." {
			return `holds ".."`
		}
	}
	return ""
}
