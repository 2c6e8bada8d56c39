package borg

import (
	"strings"

	"borgfleet/shared/job"
)

// AcceptRelocated says how a person makes borg use a repository again that was
// at another place before. Only a person can tell that it is not another one:
// borg refuses because a copy could be an old state that was put in its place.
func AcceptRelocated(h Host, t Tool, repository string) string {
	words := []string{"env"}
	if h.BaseDir != "" {
		words = append(words, "BORG_BASE_DIR="+h.BaseDir) // where borg remembers the place
	}
	// Without a configuration of the owner's, borg's own ssh does the same.
	_, local := job.NormalPath(repository)
	if rsh, err := h.SSH.rsh(); err == nil && !local && h.SSH.configured() {
		words = append(words, "BORG_RSH="+rsh)
	}
	words = append(words, "BORG_RELOCATED_REPO_ACCESS_IS_OK=yes", t.Path, "info", "--", repository)
	for i, w := range words {
		words[i] = shellQuote(w)
	}
	return "if it is the same repository and no copy of it is in use elsewhere, run on this host, as the agent's account: " + strings.Join(words, " ")
}

func (s SSH) configured() bool {
	return len(s.Command) > 0 || s.IdentityFile != "" || s.KnownHosts != ""
}
