package borg

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"borgfleet/shared/job"
)

// Newest asks for the newest archive alone: that costs the same in a repository
// of any size. Its answer is read with ReadList.
func Newest(h Host, repo job.Repository) (Invocation, error) {
	inv, err := List(h, repo)
	if err == nil {
		inv.Args = slices.Insert(inv.Args, slices.Index(inv.Args, "--json"), "--last=1")
	}
	return inv, err
}

// Program finds a program where borg would: what it starts has the PATH of its
// own environment, not the agent's.
func Program(name string) (path string, found bool) {
	if strings.Contains(name, "/") {
		path, err := exec.LookPath(name)
		return path, err == nil
	}
	for dir := range strings.SplitSeq(defaultPath, ":") {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, true
		}
	}
	return "", false
}
