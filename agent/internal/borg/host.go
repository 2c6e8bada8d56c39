package borg

// Host is what the host's owner configured for borg. Nothing in it comes from
// the controller.
type Host struct {
	AgentID   string
	AgentName string
	MachineID string
	// BaseDir becomes BORG_BASE_DIR: persistent, mode 0700. borg remembers
	// there which repositories it has seen, and at which state; without that
	// memory it cannot notice that a repository was replaced. Empty: the
	// account's own borg directories, which hold the keys and caches of a
	// repository that was adopted.
	BaseDir string
	KeysDir string // becomes BORG_KEYS_DIR; empty: with the others
	SSH     SSH
	Path    string // PATH for borg and what it starts; empty: the system's default directories
	Home    string // HOME; empty: not set
	Limits  Limits

	LeaveOut []string // what no backup takes, by the names under which borg meets it
}

// SSH is how borg reaches a server.
type SSH struct {
	Command      []string // empty: ssh
	IdentityFile string   // empty: ssh's own choice
	KnownHosts   string   // empty: ssh's own files
}
