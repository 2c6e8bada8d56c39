package doctor

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"borgfleet/agent/internal/borg"
	"borgfleet/shared/checkup"
	"borgfleet/shared/secretfile"
	"borgfleet/shared/term"
)

// ssh looks at what the connection to the server needs on this host. Whether it
// comes about is what borg tells.
func (r *repository) ssh(ctx context.Context) checkup.Finding {
	if r.foreign {
		return r.otherAccount()
	}
	host, err := r.borgHost()
	if err != nil {
		return checkup.Bad("correct ssh: in agent.yaml", "%v", err)
	}
	program := "ssh"
	if len(host.SSH.Command) > 0 {
		program = host.SSH.Command[0]
	}
	if _, found := borg.Program(program); !found {
		return checkup.Bad("apt-get install openssh-client; or name another one in agent.yaml: ssh: {command: [/PATH/TO/ssh]}", "there is no program %s for borg to run", program)
	}
	if file := host.SSH.IdentityFile; file != "" {
		if _, err := secretfile.Read(file); err != nil {
			return checkup.Bad("ssh-keygen -t ed25519 -N '' -f "+term.Shell(file)+"   (if there is none yet; then ssh-copy-id -i "+term.Shell(file)+".pub "+target(r.place)+")\nchmod 600 "+term.Shell(file)+"   (if it is there)",
				"the identity file cannot be used: %v", err)
		}
	}
	if filepath.Base(program) != "ssh" {
		return checkup.Good("%s, which knows its servers itself", program)
	}
	keygen, found := borg.Program("ssh-keygen")
	if !found || hostKeyKnown(ctx, keygen, r.place, hostKeyFiles(host)) {
		return checkup.Good("%s to %s", program, target(r.place))
	}
	// ssh's own configuration may name other files and other names.
	return checkup.Warning(borg.Keyscan(r.place.Host, r.place.Port, host.SSH.KnownHosts)+"   (and compare the fingerprint with the server's own)",
		"the host key of %s is in none of %s", target(r.place), strings.Join(hostKeyFiles(host), ", "))
}

// hostKeyFiles are where ssh looks, unless its own configuration says otherwise.
func hostKeyFiles(host borg.Host) []string {
	user := host.SSH.KnownHosts
	if user == "" {
		user = filepath.Join(host.Home, ".ssh", "known_hosts")
	}
	return []string{user, "/etc/ssh/ssh_known_hosts"}
}

func hostKeyKnown(ctx context.Context, keygen string, l borg.Location, files []string) bool {
	name := strings.Trim(l.Host, "[]")
	if l.Port != "" && l.Port != "22" {
		name = "[" + name + "]:" + l.Port
	}
	for _, file := range files {
		if _, err := os.Stat(file); err != nil {
			continue
		}
		if exec.CommandContext(ctx, keygen, "-F", name, "-f", file).Run() == nil {
			return true
		}
	}
	return false
}

// target is the server as ssh's command line names it.
func target(l borg.Location) string {
	text := strings.Trim(l.Host, "[]")
	if l.User != "" {
		text = l.User + "@" + text
	}
	if l.Port != "" {
		text = "-p " + l.Port + " " + text
	}
	return text
}
