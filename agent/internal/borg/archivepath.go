package borg

import (
	"path"
	"strings"

	"borgfleet/shared/job"
)

// CheckArchivePath says what is wrong with a path in an archive: those are
// relative, and may hold any bytes but NUL. The error is an *Error.
func CheckArchivePath(p string) error {
	switch {
	case p == "":
		return badRequest("a path in the archive is empty")
	case strings.ContainsRune(p, 0):
		return badRequest("the path %q holds a NUL", p)
	case strings.HasPrefix(p, "/"):
		return badRequest("the path %q is absolute; paths in an archive have no leading slash", p)
	}
	for name := range strings.SplitSeq(p, "/") {
		if name == ".." {
			return badRequest(`the path %q holds ".."`, p)
		}
	}
	if path.Clean(p) == "." {
		return badRequest("the path %q names nothing in the archive", p)
	}
	return nil
}

// prefixPattern is the pattern for a path and what is below it. Every path goes to
// borg with its style: without one a path such as "sh:x" would be a pattern,
// and one that begins with a dash an option.
func prefixPattern(p string) string { return "pp:" + path.Clean(p) }

// Extract is borg extract. The caller says who starts it: borg writes into its
// working directory.
//
// What borg does there, 1.2.4 and 1.4.0 alike: a file that is in the way is
// replaced without a word. A symlink that is in the way of a folder is followed,
// be it older than the restore or itself from the archive: an archive of the
// sources /home and /home/u/data/x, with /home/u/data a symlink to /mnt, is
// restored into /mnt. And it asks for the path of its working directory, and
// goes by that. So the destination has to be empty, and borg is to be started so
// that it can change nothing outside of it (package confine).
//
// Sparse: long runs of zeros become holes, also in files that had none; what is
// read from a file is the same. Owners go by their names on this host, and by their numbers where
// it does not know the name, as borg does without --numeric-ids: the hosts of a
// fleet give one account different numbers.
func Extract(h Host, spec job.Spec) (Invocation, error) {
	repo, r := spec.Repository, spec.Restore
	if r == nil {
		return Invocation{}, badRequest("the order to restore names no archive")
	}
	target, err := archiveTarget(repo, r.Archive)
	if err != nil {
		return Invocation{}, err
	}
	inv, err := command(h, repo, "extract", repo.BorgID == "", true)
	if err != nil {
		return Invocation{}, err
	}
	inv.Args = append(inv.Args, "--sparse")
	switch repo.FileLog {
	case job.FileLogAll, job.FileLogChanged:
		inv.Args = append(inv.Args, "--list")
	}
	inv.Args = append(inv.Args, "--", target)
	for _, p := range r.Paths {
		if err := CheckArchivePath(p); err != nil {
			return Invocation{}, err
		}
		inv.Args = append(inv.Args, prefixPattern(p))
	}
	return inv, nil
}

// entryFormat is a line for each entry, read by ParseEntry. borg makes every
// output that is meant for programs lossy: what is not UTF-8 becomes "?" in
// --json-lines, and also where a format names the verbatim {bpath}. As Python
// writes strings in its own source ("!a") nothing is lost, and a name with a
// newline stays on its line.
const entryFormat = "{type} {mode} {uid} {gid} {size} {isomtime} {user!a} {group!a} {source!a} {bpath!a}{NL}"

// Contents lists a folder of an archive and all that is below it, or the whole
// archive if folder is empty. borg could be asked for the direct children alone
// (re:), which takes a third of the time for a folder with a large tree below
// it. But folders above what was backed up are no entries: only what is below
// them tells that they are there.
func Contents(h Host, repo job.Repository, archive, folder string) (Invocation, error) {
	target, err := archiveTarget(repo, archive)
	if err != nil {
		return Invocation{}, err
	}
	inv, err := command(h, repo, "list", repo.BorgID == "", false)
	if err != nil {
		return Invocation{}, err
	}
	inv.Args = append(inv.Args, "--format="+entryFormat, "--", target)
	if folder != "" {
		if err := CheckArchivePath(folder); err != nil {
			return Invocation{}, err
		}
		inv.Args = append(inv.Args, prefixPattern(folder))
	}
	return inv, nil
}
