package e2e

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"
)

// TestRPM has rpm itself install, upgrade during a backup, remove and bring back
// the packages of its family, on a machine that is controller and host. The machine
// is a Debian: no rpm there provides what ours depend on, so that is not looked at.
func TestRPM(t *testing.T) {
	base, first, next := os.Getenv("BORGFLEET_DEBIAN_ROOT"), os.Getenv("BORGFLEET_PACKAGES"), os.Getenv("BORGFLEET_PACKAGES_NEXT")
	if base == "" || first == "" || next == "" {
		t.Skip("make install-test makes the packages and the Debian root that this needs")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute) // not how long it takes: when it says that something is wrong
	defer cancel()
	r := &withRPM{newInstalled(t, ctx, base, "web1")}
	r.says(r.controller, "apt-get install rpm borgbackup")
	r.install(first)
	r.enroll()
	r.bring(next, ".rpm")
	held := r.holdBackup()
	r.upgrade(held)
	r.lookAtVersions(next)
	held.finish()
	r.eraseAndReturn()
}

// withRPM is a machine with nothing but rpm packages of ours.
type withRPM struct{ *installed }

// rpm runs it. That it is run on a Debian it wants to hear.
func (r *withRPM) rpm(args string) string {
	r.t.Helper()
	return r.says(r.controller, "rpm --force-debian --nodeps "+args)
}

// install: both packages say what comes next, and start nothing.
func (r *withRPM) install(dist string) {
	r.t.Helper()
	r.bring(dist, ".rpm")
	said := r.rpm("--install borgfleet-*.rpm")
	for program := range sides {
		if !strings.Contains(said, program+" is installed, and not started yet. Next: ") {
			r.t.Errorf("%s is installed without a word: %s", program, said)
		}
		r.service(program, "inactive", "disabled")
	}
	if got := r.says(r.controller, "stat -c '%U %a' /var/lib/borgfleet /etc/borgfleet/agent.env"); got != "borgfleet 700\nroot 600" {
		r.t.Errorf("the controller's directory and the agent's options are %s", got)
	}
}

// service looks how one stands.
func (r *withRPM) service(program, active, enabled string) {
	r.t.Helper()
	if got := r.says(r.controller, "systemctl is-active "+program+" || true; systemctl is-enabled "+program+" 2>/dev/null || true"); got != strings.TrimSpace(active+"\n"+enabled) {
		r.t.Errorf("%s is %q, not %s and %s", program, got, active, enabled)
	}
}

// enroll makes the machine its own controller's host, with a repository.
func (r *withRPM) enroll() {
	r.t.Helper()
	r.says(r.controller, `echo BORGFLEET_AGENT_URL=https://backup.example.org:5443 >> /etc/borgfleet/controller.env
		systemctl enable --now borgfleet-controller`)
	token := block{script: "borgfleet-controller join-token create", wait: true}
	if out, problem := r.typed(r.controller, token); problem != "" {
		r.t.Fatalf("%s: %s", problem, out)
	}
	enroll := block{script: "borgfleet-agent enroll --token-file - --allow-repository '/srv/borg/*'; systemctl enable --now borgfleet-agent; mkdir -p /srv/borg"}
	if out, problem := r.typed(r.controller, enroll); problem != "" {
		r.t.Fatalf("%s: %s", problem, out)
	}
	r.online(r.controller)
	r.says(r.controller, `umask 077; echo secret > pass
		borgfleet-controller repositories create web1 /srv/borg/web1 --agent web1 --encryption repokey-blake2 --passphrase-file pass --source /root`)
}

// upgrade: what a person has written stays, and both services are new ones.
func (r *withRPM) upgrade(held *heldBackup) {
	r.t.Helper()
	const pids = "systemctl show --value -p MainPID borgfleet-controller"
	before := r.says(r.controller, "echo '# mine' >> /etc/borgfleet/agent.env; "+pids)
	r.rpm("--upgrade borgfleet-*.rpm")
	for program := range sides {
		r.service(program, "active", "enabled")
	}
	if after := r.says(r.controller, pids); after == before {
		r.t.Error("the controller was not restarted")
	}
	r.says(r.controller, "grep -q '# mine' /etc/borgfleet/agent.env; test ! -e /etc/borgfleet/agent.env.rpmsave")
	r.online(r.controller)
}

// eraseAndReturn: what exists only here stays and is named; back again, the host is
// the same one.
func (r *withRPM) eraseAndReturn() {
	r.t.Helper()
	said := r.rpm("--erase borgfleet-controller borgfleet-agent")
	for _, want := range []string{"/var/lib/borgfleet stays: the fleet's certificate authority", "/var/lib/borgfleet-agent stays: this host's keys"} {
		if !strings.Contains(said, want) {
			r.t.Errorf("there is no %q in\n%s", want, said)
		}
	}
	for program := range sides {
		r.service(program, "inactive", "")
	}
	r.says(r.controller, `test ! -e /usr/bin/borgfleet-agent -a ! -e /usr/bin/borgfleet-controller
		test -e /var/lib/borgfleet/ca -a -e /var/lib/borgfleet-agent/identity.json
		test -z "$(find /etc/systemd/system -name 'borgfleet*')"`)
	r.rpm("--install borgfleet-*.rpm")
	r.says(r.controller, `grep -q '# mine' /etc/borgfleet/agent.env.rpmsave
		mv /etc/borgfleet/controller.env.rpmsave /etc/borgfleet/controller.env
		systemctl enable --now borgfleet-controller borgfleet-agent`)
	r.online(r.controller)
}
