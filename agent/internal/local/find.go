package local

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"borgfleet/agent/internal/jobdir"
	"borgfleet/shared/job"
	"borgfleet/shared/term"
)

// shortestRef is the least that must be given of a key.
const shortestRef = 4

// newest gives all directories, the newest job first. It reads no file.
func (s *Server) newest() []*jobdir.Dir {
	dirs := s.o.Jobs.Dirs()
	slices.SortFunc(dirs, func(a, b *jobdir.Dir) int {
		return cmp.Or(b.Spec().CreatedAt.Compare(a.Spec().CreatedAt), strings.Compare(b.Key().String(), a.Key().String()))
	})
	return dirs
}

// find looks a job up by its integer, or by the beginning or the end of its
// key: keys that were made within a minute begin alike, their ends differ.
func (s *Server) find(ref string) (*jobdir.Dir, error) {
	ref = strings.ToLower(strings.TrimSpace(ref))
	if key, err := job.ParseKey(ref); err == nil {
		if dir, ok := s.o.Jobs.Dir(key); ok {
			return dir, nil
		}
		return nil, noJobAmong(ref, len(s.o.Jobs.Damaged()))
	}
	number := wholeNumber(ref)
	if number == 0 && (len(ref) < shortestRef || strings.Trim(ref, "0123456789abcdef-") != "") {
		return nil, &Error{Invalid, fmt.Sprintf("%q names no job: give its number, or at least %d characters of its key's beginning or end (see borgfleet-agent jobs)", ref, shortestRef)}
	}
	var found []*jobdir.Dir
	unread := len(s.o.Jobs.Damaged())
	for _, dir := range s.newest() {
		id, err := dir.ID()
		if err != nil {
			// It may still be found by its key, and the others by all.
			s.log.Error("job without its number", "job", dir.Key(), "err", err)
			unread++
		}
		key := dir.Key().String()
		part := len(ref) >= shortestRef && (strings.HasPrefix(key, ref) || strings.HasSuffix(key, ref))
		if number != 0 && id == number || part {
			found = append(found, dir)
		}
	}
	switch len(found) {
	case 0:
		return nil, noJobAmong(ref, unread)
	case 1:
		return found[0], nil
	}
	return nil, ambiguous(ref, found)
}

// wholeNumber is 0 for what is not a job's number.
func wholeNumber(ref string) int64 {
	if strings.HasPrefix(ref, "0") || strings.HasPrefix(ref, "+") || strings.HasPrefix(ref, "-") {
		return 0
	}
	n, err := strconv.ParseInt(ref, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func noJob(ref string) error {
	return &Error{NotFound, fmt.Sprintf("there is no job %s on this host: borgfleet-agent jobs lists what is; older ones are on the controller", ref)}
}

// noJobAmong says too that it may be one of those that could not be read.
func noJobAmong(ref string, unread int) error {
	switch unread {
	case 0:
		return noJob(ref)
	case 1:
		return &Error{NotFound, noJob(ref).Error() + "; 1 job could not be read, see the agent's log"}
	}
	return &Error{NotFound, fmt.Sprintf("%s; %d jobs could not be read, see the agent's log", noJob(ref), unread)}
}

func ambiguous(ref string, found []*jobdir.Dir) error {
	const shown = 10
	text := fmt.Sprintf("%q is part of %d keys; give more of it, or the number:", ref, len(found))
	for i, dir := range found {
		if i == shown {
			text += fmt.Sprintf("\nand %d more", len(found)-shown)
			break
		}
		sp := dir.Spec()
		text += fmt.Sprintf("\n%s  %s of %s, made %s", dir.Key(), sp.Kind, sp.Repository.Path, sp.CreatedAt.UTC().Format("2006-01-02 15:04:05Z"))
		if id, err := dir.ID(); err == nil && id != 0 {
			text += fmt.Sprintf(", number %d", id)
		}
	}
	return &Error{Ambiguous, text}
}

// repository looks a definition up as REST does: exact path, then name, then
// id.
func (s *Server) repository(ref string) (job.Repository, error) {
	all := s.o.Jobs.Repositories()
	for _, is := range []func(job.Repository) bool{
		func(r job.Repository) bool { return r.Path == ref },
		func(r job.Repository) bool { return r.Name == ref },
		func(r job.Repository) bool { return strconv.FormatInt(r.ID, 10) == ref },
	} {
		if i := slices.IndexFunc(all, is); i >= 0 {
			return all[i], nil
		}
	}
	if len(all) == 0 {
		return job.Repository{}, &Error{NotFound, "the controller has told this host of no repository yet: register one there with borgfleet-controller repositories create"}
	}
	text := fmt.Sprintf("no repository of this host has the path, name or id %q; there are:", ref)
	names := make([]string, 0, 2*len(all))
	for _, r := range all {
		names = append(names, r.Name, r.Path)
		text += fmt.Sprintf("\n%d  %s  %s", r.ID, r.Name, r.Path)
	}
	if near := term.Nearest(ref, names); near != "" {
		text += "\ndid you mean " + near + "?"
	}
	return job.Repository{}, &Error{NotFound, text}
}
