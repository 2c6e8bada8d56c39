package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"borgfleet/scripts/testenv"
	"borgfleet/scripts/treecmp"
)

// checkRepositories: by borg's own check they are whole, and the newest archive
// gives its source back. Of each seed one location and one repository: all of
// them would be a third of its time.
func (t *trial) checkRepositories() {
	all := locations()
	location := all[t.seed%uint64(len(all))]
	if _, err := t.plainBorg("", "check", filepath.Join(t.env.Repositories(), location)); err != nil {
		t.problem("%v", err)
	}
	r := repositories()[t.seed%uint64(len(repositories()))]
	if err := t.extract(r, t.newest(r)); err != nil {
		t.problem("the newest archive of %s: %v", r.name, err)
	}
}

// newest is the archive of the last good backup.
func (t *trial) newest(r repo) string {
	last := testenv.Job{ArchiveName: "none"}
	for _, j := range t.jobs {
		if j.Kind == "backup" && j.Agent == r.host && j.Repository == t.location(r) && strings.HasPrefix(j.Status, "completed") && j.ID > last.ID {
			last = j
		}
	}
	return last.ArchiveName
}

func (t *trial) extract(r repo, archive string) error {
	to := filepath.Join(t.dir, "extracted-"+r.name)
	if err := os.Mkdir(to, 0o700); err != nil {
		return err
	}
	if _, err := t.plainBorg(to, "extract", t.location(r)+"::"+archive); err != nil {
		return err
	}
	seen, differences := treecmp.Compare(t.source(r), filepath.Join(to, t.source(r)), treecmp.Options{})
	if len(differences) > 0 {
		return fmt.Errorf("%s differs: %v", archive, differences)
	}
	if seen < r.files {
		return fmt.Errorf("%s has %d entries of %d", archive, seen, r.files)
	}
	return os.RemoveAll(to)
}

// plainBorg runs a borg that is nobody's, in a directory.
func (t *trial) plainBorg(dir string, args ...string) (string, error) {
	cmd := exec.Command("borg", args...)
	cmd.Dir = dir
	cmd.Env = append(cmd.Environ(), "BORG_BASE_DIR="+filepath.Join(t.dir, "plain-borg"),
		"BORG_RELOCATED_REPO_ACCESS_IS_OK=yes", "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes")
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("borg %s: %w: %.500s", strings.Join(args, " "), err, errs.String())
	}
	return string(out), nil
}
