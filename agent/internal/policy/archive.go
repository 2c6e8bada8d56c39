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
			return fmt.Sprintf("the archive %s %s", shown(l.Archive), why)
		}
		if why := badArchivePath(l.Path); l.Path != "" && why != "" {
			return fmt.Sprintf("the path %s %s", shown(l.Path), why)
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
		return fmt.Sprintf("the archive %s %s", shown(r.Archive), why)
	}
	if why := badValue(r.Destination); why != "" {
		return fmt.Sprintf("the destination %s %s", shown(r.Destination), why)
	}
	if !filepath.IsAbs(r.Destination) || filepath.Clean(r.Destination) != r.Destination {
		return fmt.Sprintf("the destination %s is not an absolute path without empty parts, . and ..", shown(r.Destination))
	}
	if len(r.Paths) > job.MaxList {
		return fmt.Sprintf("the order to restore names %d paths, and %d are the most", len(r.Paths), job.MaxList)
	}
	for _, path := range r.Paths {
		if why := badArchivePath(path); why != "" {
			return fmt.Sprintf("the path %s %s", shown(path), why)
		}
	}
	return ""
}

// mostArchivePath is as much as may be one word of a command line. An archive has
// longer paths than the kernel takes, if its source was a deep one.
const mostArchivePath = 64 << 10

// badArchivePath says what is wrong with a path in an archive. Any bytes may be
// in it but NUL: it names what some host has, and goes to borg with its style in
// front, so a dash does no harm either.
func badArchivePath(path string) string {
	switch {
	case path == "":
		return "is empty"
	case len(path) > mostArchivePath:
		return fmt.Sprintf("has %d bytes, and %d are the most", len(path), mostArchivePath)
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
