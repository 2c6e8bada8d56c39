// Package access puts together what borg needs on this host to open a
// repository: directories, ssh and the passphrase. Jobs and people at the
// command line get the same.
package access

import (
	"fmt"
	"os"
	"os/user"
	"strconv"

	"borgfleet/agent/internal/borg"
	"borgfleet/agent/internal/policy"
	"borgfleet/agent/internal/state"
	"borgfleet/shared/job"
)

// Host is what borg runs with for a repository: its directories are those that
// the host's owner names for it, then those for all repositories, then the
// account's own if the repository was adopted with them, then the agent's.
func Host(st state.Dir, id state.Identity, conf policy.Config, repo job.Repository) (borg.Host, error) {
	entry, err := conf.RepositoryAt(repo.Path)
	if err != nil {
		return borg.Host{}, fmt.Errorf("agent.yaml: %w", err)
	}
	h := borg.Host{
		AgentID: id.AgentID, AgentName: id.Name, MachineID: id.MachineID, Home: home(),
		Limits: conf.Limits.Borg(),
		SSH: borg.SSH{
			Command:      conf.SSH.Command,
			IdentityFile: conf.SSH.IdentityFile,
			KnownHosts:   conf.SSH.KnownHosts,
		},
	}
	switch {
	case entry.BorgBaseDir != "":
		h.BaseDir = entry.BorgBaseDir
	case conf.BorgBaseDir != "":
		h.BaseDir = conf.BorgBaseDir
	case !repo.AccountDirs:
		h.BaseDir = st.BorgBase()
	case h.Home == "":
		return h, fmt.Errorf("this account has no home directory, and the repository %s is used with the borg directories in it; set borg_base_dir for it in agent.yaml", repo.Path)
	}
	return h, nil
}

// Account gives h with the account's own borg directories. It is no choice
// where the host's owner has named others.
func Account(st state.Dir, h borg.Host) (account borg.Host, free bool) {
	if h.BaseDir != st.BorgBase() || h.Home == "" {
		return h, false
	}
	h.BaseDir = ""
	return h, true
}

// home is the account's. A service manager need not set the variable.
func home() string {
	if h := os.Getenv("HOME"); h != "" {
		return h
	}
	u, err := user.LookupId(strconv.Itoa(os.Getuid()))
	if err != nil {
		return ""
	}
	return u.HomeDir
}
