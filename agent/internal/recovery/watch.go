package recovery

import (
	"borgfleet/agent/internal/policy"
	"borgfleet/agent/internal/state"
	"borgfleet/shared/job"
)

// Watch tells of definitions whether something of their repositories is still to
// be sealed.
type Watch struct {
	State      state.Dir
	ConfigFile string
}

// Due says whether a job should be made only to seal something, and names what.
// A repository that the host's owner does not let be listed is left alone.
func (w Watch) Due(repo job.Repository) (mark string, due bool) {
	conf, err := policy.Load(w.ConfigFile)
	if err != nil {
		return "", false
	}
	// The definition's id is what the repository was when it was registered: one
	// that was made anew by hand under its path is the jobs' to find out.
	repo.BorgID = ""
	wanted, any := Wanted(conf, repo)
	if !any {
		return "", false
	}
	if n, ok := (Memory{w.State.Recovery()}).Noted(repo.ID); ok && n.Same(wanted) {
		return "", false
	}
	check, err := policy.New(conf, w.State.Path(), w.ConfigFile)
	if err != nil || check.Check(job.Spec{Kind: job.List, Repository: repo}) != nil {
		return "", false
	}
	return wanted.Recipient + " " + wanted.From, true
}
