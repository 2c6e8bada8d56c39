package main

import (
	"fmt"
	"io"
	"strings"

	"borgfleet/controller/internal/cli"
	"borgfleet/controller/internal/server"
	"borgfleet/shared/term"
)

// announce tells the person who started the controller what it made, where
// everything is and what to do next.
func announce(out io.Writer, o cli.ServeOptions, at server.Addresses) {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	tellMade(line, o.DataDir, at.Made)
	line("REST API        %s", at.API)
	line("Agent listener  %s", at.AgentListen)
	line("Hosts connect to %s%s", at.Agents, guessed(o))
	option := ""
	if o.DataDir != cli.DefaultDataDir {
		option = " --data-dir " + term.Shell(o.DataDir)
	}
	line("Next: let a host join the fleet, with a token from\n  borgfleet-controller join-token create%s", option)
	fmt.Fprint(out, b.String())
}

// guessed says how to do better than with the machine's own name.
func guessed(o cli.ServeOptions) string {
	if o.AgentURL != "" {
		return ""
	}
	return " (from this machine's name; if hosts reach it by another: --agent-url, or BORGFLEET_AGENT_URL)"
}

func tellMade(line func(string, ...any), dataDir string, made server.Made) {
	if made == (server.Made{}) {
		return
	}
	line("First start. In %s there are now", dataDir)
	if made.FleetID != "" {
		line("  - the store, and the certificate authority of the new fleet %s", made.FleetID)
	}
	switch {
	case made.PasswordFile != "":
		line("  - the user %s, with the password in %s", made.User, made.PasswordFile)
	case made.User != "":
		line("  - the user %s, with the password that was given in BORGFLEET_ADMIN_PASSWORD", made.User)
	}
	switch {
	case made.RecoveryFile != "":
		line("  - the fleet's recovery key; its private half is in %s. Move it away from this machine and delete it here: it opens the backups of hosts that are gone, and without it they are lost", made.RecoveryFile)
	case made.RecoveryKey:
		line("  - the public half of the fleet's recovery key; the private half was shown above, and is nowhere here")
	}
}
