package main

import (
	"bytes"
	"testing"

	"borgfleet/controller/internal/cli"
	"borgfleet/controller/internal/server"
)

func TestAnnounce(t *testing.T) {
	at := server.Addresses{API: "http://127.0.0.1:5000", AgentListen: "https://[::]:5443", Agents: "https://backup:5443"}
	first := at
	first.Made = server.Made{FleetID: "f1", User: "admin", PasswordFile: "/d d/initial-admin-password", RecoveryKey: true, RecoveryFile: "/d d/initial-recovery-key"}
	given := at
	given.Made = server.Made{FleetID: "f1", User: "admin", RecoveryKey: true}
	const doors = "REST API        http://127.0.0.1:5000\nAgent listener  https://[::]:5443\nHosts connect to https://backup:5443"
	for _, tt := range []struct {
		name string
		o    cli.ServeOptions
		at   server.Addresses
		want string
	}{
		{"first", cli.ServeOptions{DataDir: "/d d"}, first, `First start. In /d d there are now
  - the store, and the certificate authority of the new fleet f1
  - the user admin, with the password in /d d/initial-admin-password
  - the fleet's recovery key; its private half is in /d d/initial-recovery-key. Move it away from this machine and delete it here: it opens the backups of hosts that are gone, and without it they are lost
` + doors + ` (from this machine's name; if hosts reach it by another: --agent-url, or BORGFLEET_AGENT_URL)
Next: let a host join the fleet, with a token from
  borgfleet-controller join-token create --data-dir '/d d'
`},
		{"on a terminal, with a password", cli.ServeOptions{DataDir: "/var/lib/borgfleet", AgentURL: "https://backup:5443"}, given, `First start. In /var/lib/borgfleet there are now
  - the store, and the certificate authority of the new fleet f1
  - the user admin, with the password that was given in BORGFLEET_ADMIN_PASSWORD
  - the public half of the fleet's recovery key; the private half was shown above, and is nowhere here
` + doors + `
Next: let a host join the fleet, with a token from
  borgfleet-controller join-token create
`},
		{"again", cli.ServeOptions{DataDir: "/var/lib/borgfleet", AgentURL: "https://backup:5443"}, at, doors + `
Next: let a host join the fleet, with a token from
  borgfleet-controller join-token create
`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			announce(&out, tt.o, tt.at)
			if out.String() != tt.want {
				t.Errorf("it says\n%s\nwant\n%s", out.String(), tt.want)
			}
		})
	}
}
