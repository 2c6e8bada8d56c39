package borg

import (
	"fmt"
	"slices"

	"borgfleet/shared/job"
)

// Answers of the short commands. All take what Tool.Run returned; errors are
// *Error with the reason in borg's words.

// ReadArchive reads the answer to ListArchive. found is false without an error
// only if the repository was read and has no such archive; whatever hindered
// that is an error, and says nothing about the archive.
func ReadArchive(stdout, stderr []byte, exit Exit) (a Archive, repo Repository, found bool, err error) {
	s, err := readAnswer(stdout, stderr, exit)
	if CodeOf(err) == CodeArchiveNotFound && err != nil {
		return Archive{}, Repository{}, false, nil
	}
	if err != nil {
		return Archive{}, Repository{}, false, err
	}
	if len(s.Archives) != 1 || s.Archives[0].ID == "" {
		return Archive{}, Repository{}, false, internal("borg info answered with %d archives where one was asked for", len(s.Archives))
	}
	return s.Archives[0], s.Repository, true, nil
}

// ReadRepo reads the answer to RepoInfo.
func ReadRepo(stdout, stderr []byte, exit Exit) (Repository, error) {
	s, err := readAnswer(stdout, stderr, exit)
	if err != nil {
		return Repository{}, err
	}
	if s.Repository.BorgID == "" {
		return Repository{}, internal("borg info named no repository id")
	}
	return s.Repository, nil
}

// ReadList reads the answer to List, without borg's own checkpoints.
func ReadList(stdout, stderr []byte, exit Exit) ([]Archive, Repository, error) {
	s, err := readAnswer(stdout, stderr, exit)
	if err != nil {
		return nil, Repository{}, err
	}
	return slices.DeleteFunc(s.Archives, Archive.checkpoint), s.Repository, nil
}

func readAnswer(stdout, stderr []byte, exit Exit) (Summary, error) {
	if exit.Err != nil {
		return Summary{}, asError(exit.Err)
	}
	if !exit.Good() {
		code, message := explain(exit, track(stderr), "")
		return Summary{}, &Error{code, message}
	}
	s, err := ParseSummary(stdout)
	if err != nil {
		return Summary{}, internal("read borg's answer: %v", err)
	}
	return s, nil
}

func asError(err error) error {
	if CodeOf(err) != job.CodeInternal {
		return err
	}
	return &Error{job.CodeInternal, fmt.Sprintf("run borg: %v", err)}
}

func track(stderr []byte) *Tracker {
	var (
		t Tracker
		s LineSplitter
	)
	s.Write(stderr)
	for line, _, ok := s.Next(); ok; line, _, ok = s.Next() {
		t.Observe(ParseLine(line))
	}
	if line, _, ok := s.Flush(); ok {
		t.Observe(ParseLine(line))
	}
	return &t
}
