package witness

import (
	"fmt"

	"borgfleet/agent/internal/access"
	"borgfleet/agent/internal/policy"
	"borgfleet/agent/internal/state"
	"borgfleet/shared/job"
)

// Watch tells of definitions whether somebody else has changed their
// repositories.
type Watch struct {
	State      state.Dir
	Identity   state.Identity
	ConfigFile string
}

// Change is what a look found.
type Change int

const (
	None    Change = iota // nothing, or nothing that could be told
	Unknown               // this agent has never looked at the repository's archives
	Changed
)

// Look compares a repository with what is remembered. mark names what it looks
// like now. It reads files that may be on a disk that hangs. A repository that
// the host's owner does not let be listed is not looked at.
func (w Watch) Look(repo job.Repository) (c Change, mark string) {
	conf, err := policy.Load(w.ConfigFile)
	if err != nil {
		return None, ""
	}
	check, err := policy.New(conf, w.State.Path(), w.ConfigFile)
	if err != nil || check.Check(job.Spec{Kind: job.List, Repository: repo}) != nil {
		return None, ""
	}
	h, err := access.Host(w.State, w.Identity, conf, repo)
	if err != nil {
		return None, ""
	}
	known, ok := Memory{w.State.Known()}.Known(repo.ID)
	id := repo.BorgID
	if id == "" {
		id = known.BorgID
	}
	now, _, err := Look(h, repo.Path, id)
	switch {
	case err != nil: // not mounted, not there, or not known: nothing is to be told
		return None, ""
	case !ok:
		return Unknown, fmt.Sprint(now)
	case now != known:
		return Changed, fmt.Sprint(now)
	}
	return None, ""
}
