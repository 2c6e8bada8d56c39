package e2e

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"borgfleet/scripts/machines"
)

// installed are machines with nothing but Debian on them, to which the packages
// are brought. What is typed there stands in the documents.
type installed struct {
	t          *testing.T
	ctx        context.Context
	controller *machines.Machine
	hosts      []*machines.Machine
	network    *machines.Network
	pasted     []byte          // the last line that was printed on the controller
	printed    strings.Builder // all that was printed there
}

// TestPackages goes from packages to a fleet that backs up, upgrades it during a
// backup, and takes it apart again, on machines with a systemd of their own:
// docs/install.md, then docs/operations.md, as a reader would type them.
func TestPackages(t *testing.T) {
	base, first, next := os.Getenv("BORGFLEET_DEBIAN_ROOT"), os.Getenv("BORGFLEET_PACKAGES"), os.Getenv("BORGFLEET_PACKAGES_NEXT")
	if base == "" || first == "" || next == "" {
		t.Skip("make install-test makes the packages and the Debian root that this needs")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute) // not how long it takes: when it says that something is wrong
	defer cancel()
	i := newInstalled(t, ctx, base)
	i.bring(first)
	told := i.listen()
	i.walk(blocks(t, filepath.Join("..", "..", "docs", "install.md")))
	if t.Failed() {
		return
	}
	told.firstFleet()
	i.lookAtUnits()
	i.lookAtVersions(first)

	all := blocks(t, filepath.Join("..", "..", "docs", "operations.md"))
	upgraded := slices.IndexFunc(all, func(b block) bool { return strings.Contains(b.script, "db backup") })
	if upgraded < 0 {
		t.Fatal("docs/operations.md has no upgrade before the backup of the controller")
	}
	i.bring(next)
	held := i.holdBackup()
	i.walk(all[:upgraded])
	i.lookAtVersions(next)
	held.finish()
	told.once(held.job)
	i.removeAndReturn(i.hosts[1])
	i.walk(all[upgraded:])
	i.purgeController()
}

func newInstalled(t *testing.T, ctx context.Context, base string) *installed {
	network, err := machines.NewNetwork()
	fatal(t, err)
	t.Cleanup(network.Close)
	i := &installed{t: t, ctx: ctx, network: network}
	dir := t.TempDir()
	add := func(name string, called ...string) *machines.Machine {
		m, err := machines.Prepare(base, filepath.Join(dir, name), name, network, "backup.example.org", hooksName, pingName)
		fatal(t, err)
		t.Cleanup(func() {
			if err := m.Stop(); err != nil {
				t.Error(err)
			}
		})
		fatal(t, m.Start(ctx))
		return m
	}
	i.controller = add("controller")
	i.hosts = []*machines.Machine{add("web1"), add("web2")}
	t.Cleanup(i.showLogs)
	return i
}

// showLogs shows what the services said if the test failed.
func (i *installed) showLogs() {
	if !i.t.Failed() {
		return
	}
	for _, m := range i.all() {
		out, _ := m.Run(context.WithoutCancel(i.ctx), "journalctl --no-pager -n 60 -u 'borgfleet-*'", nil)
		i.t.Logf("%s:\n%s", m.Name, out)
	}
}

func (i *installed) all() []*machines.Machine {
	return append([]*machines.Machine{i.controller}, i.hosts...)
}

// bring puts a directory of packages in the place of those that were there.
func (i *installed) bring(dist string) {
	i.t.Helper()
	for _, m := range i.all() {
		old, _ := filepath.Glob(filepath.Join(m.Root, "root", "*.deb"))
		for _, file := range old {
			fatal(i.t, os.Remove(file))
		}
		packages, err := filepath.Glob(filepath.Join(dist, "*_"+runtime.GOARCH+".deb"))
		fatal(i.t, err)
		if len(packages) != 2 {
			i.t.Fatalf("%s has the packages %v", dist, packages)
		}
		for _, file := range packages {
			fatal(i.t, copyTo(file, filepath.Join(m.Root, "root", filepath.Base(file))))
		}
	}
}

func copyTo(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o644)
}

// on gives the machines on which a block is typed.
func (i *installed) on(who string) []*machines.Machine {
	if who == "hosts" {
		return i.hosts
	}
	for _, m := range i.all() {
		if m.Name == who {
			return []*machines.Machine{m}
		}
	}
	i.t.Fatalf("a block is for %q: there are controller, hosts and the names of hosts", who)
	return nil
}

// walk types the blocks of a document and looks for what each should print.
func (i *installed) walk(all []block) {
	i.t.Helper()
	for _, b := range all {
		for _, m := range i.on(b.who) {
			out, problem := i.typed(m, b)
			if problem != "" {
				i.t.Fatalf("on %s\n%s\n%s; it printed\n%s", m.Name, b.script, problem, out)
			}
		}
	}
}

// typed runs a block, again and again if that is how it is meant.
func (i *installed) typed(m *machines.Machine, b block) (out, problem string) {
	script := strings.ReplaceAll(b.script, "_amd64.deb", "_"+runtime.GOARCH+".deb")
	deadline := time.Now().Add(time.Minute)
	for {
		data, err := m.Run(i.ctx, script, i.pasted)
		out, problem = string(data), ""
		if err != nil {
			problem = err.Error()
		} else if missing := lacks(out, b.want); missing != "" {
			problem = fmt.Sprintf("there is no %q", missing)
		}
		if problem == "" || !b.wait || time.Now().After(deadline) || i.ctx.Err() != nil {
			break
		}
		time.Sleep(200 * time.Millisecond) // between looks
	}
	if m == i.controller {
		i.printed.WriteString(out)
		lines := strings.Split(strings.TrimSpace(out), "\n")
		i.pasted = []byte(lines[len(lines)-1] + "\n")
	}
	return out, problem
}

// says runs a command of the test's own and gives what it prints.
func (i *installed) says(m *machines.Machine, script string) string {
	i.t.Helper()
	out, err := m.Run(i.ctx, script, nil)
	if err != nil {
		i.t.Fatalf("on %s: %s: %v\n%s", m.Name, script, err, out)
	}
	return strings.TrimSpace(string(out))
}

// lookAtUnits: the services run as their units say, as systemd there reads them.
func (i *installed) lookAtUnits() {
	i.t.Helper()
	for program, m := range map[string]*machines.Machine{"borgfleet-controller": i.controller, "borgfleet-agent": i.hosts[0]} {
		if out := i.says(m, "systemctl is-enabled "+program+"; systemctl is-active "+program+"; systemd-analyze verify --man=no "+program+".service 2>&1"); out != "enabled\nactive" {
			i.t.Errorf("%s: %s", program, out)
		}
		// What systemd does not see it does not end: then an upgrade proves nothing.
		if out := i.says(m, "cat /sys/fs/cgroup/system.slice/"+program+".service/cgroup.procs"); out != i.says(m, "systemctl show --value -p MainPID "+program) {
			i.t.Errorf("%s has the processes %s", program, out)
		}
		i.t.Log(i.says(m, "systemd-analyze security --no-pager "+program+".service | tail -n 1"))
		i.says(m, "bash -n /usr/share/bash-completion/completions/"+program+"; gzip -t /usr/share/man/man1/"+program+".1.gz")
	}
	if got := i.says(i.controller, "stat -c '%U %a' /var/lib/borgfleet; ps -o user= -C borgfleet-contro 2>/dev/null || stat -c %U /proc/$(systemctl show -P MainPID borgfleet-controller)"); got != "borgfleet 700\nborgfleet" {
		i.t.Errorf("the controller's directory and process are %s", got)
	}
}

// lookAtVersions: what runs is what the packages in dist say that it is.
func (i *installed) lookAtVersions(dist string) {
	i.t.Helper()
	found, err := filepath.Glob(filepath.Join(dist, "borgfleet-agent_*_linux_"+runtime.GOARCH+".tar.gz"))
	fatal(i.t, err)
	if len(found) != 1 {
		i.t.Fatalf("%s has the tarballs %v", dist, found)
	}
	want := strings.Split(filepath.Base(found[0]), "_")[1]
	for program, m := range map[string]*machines.Machine{"borgfleet-controller": i.controller, "borgfleet-agent": i.hosts[0]} {
		full := regexp.MustCompile("^" + program + " " + regexp.QuoteMeta(want) + ` \([0-9a-f]{40}, \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\)$`)
		if got := i.says(m, program+" --version"); !full.MatchString(got) {
			i.t.Errorf("it says that it is %s, and was packed as %s", got, want)
		}
	}
	if got := i.says(i.controller, "borgfleet-controller agents list"); strings.Count(got, want) != len(i.hosts) {
		i.t.Errorf("%s runs on\n%s", want, got)
	}
}

// heldBackup is a backup whose borg is stopped, so that it runs for as long as
// the test wants.
type heldBackup struct {
	i     *installed
	job   string
	borg  int
	agent string // the daemon's pid
}

func (i *installed) agentPID() string {
	i.t.Helper()
	return i.says(i.hosts[0], "systemctl show --value -p MainPID borgfleet-agent")
}

// holdBackup starts a backup of the first host and stops its borg.
func (i *installed) holdBackup() *heldBackup {
	i.t.Helper()
	web := i.hosts[0]
	big, err := os.Create(filepath.Join(web.Root, "root", "big"))
	fatal(i.t, err)
	_, err = io.CopyN(big, rand.NewChaCha8([32]byte{1}), 256<<20)
	fatal(i.t, err)
	fatal(i.t, big.Close())
	h := &heldBackup{i: i, agent: i.agentPID()}
	said := i.says(i.controller, "borgfleet-controller jobs start web1")
	if h.job = regexp.MustCompile(`\d+`).FindString(said); h.job == "" {
		i.t.Fatalf("jobs start says %q", said)
	}
	for h.borg == 0 {
		if i.ctx.Err() != nil {
			i.t.Fatal("there is no borg to hold")
		}
		pids, err := web.Processes("borg")
		fatal(i.t, err)
		for _, pid := range pids {
			if line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err == nil && strings.Contains(string(line), "\x00create\x00") {
				h.borg = pid
			}
		}
		time.Sleep(5 * time.Millisecond) // between looks
	}
	fatal(i.t, syscall.Kill(h.borg, syscall.SIGSTOP))
	h.await("T")
	return h
}

// await waits for a state of the borg that is held, as /proc names it.
func (h *heldBackup) await(state string) {
	h.i.t.Helper()
	for {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", h.borg))
		if err != nil || h.i.ctx.Err() != nil {
			h.i.t.Fatalf("borg is not there any more: %v", err)
		}
		if _, rest, _ := strings.Cut(string(stat), ") "); strings.HasPrefix(rest, state) {
			return
		}
		time.Sleep(5 * time.Millisecond) // between looks
	}
}

// finish looks that the same borg is there under another agent, and that its
// backup completes.
func (h *heldBackup) finish() {
	h.i.t.Helper()
	if now := h.i.agentPID(); now == h.agent || now == "0" {
		h.i.t.Errorf("the agent was %s and is %s: the upgrade did not restart it", h.agent, now)
	}
	if got := h.i.says(h.i.controller, "borgfleet-controller jobs list --status running"); !strings.Contains(got, h.job) {
		h.i.t.Errorf("job %s does not run any more:\n%s", h.job, got)
	}
	h.await("T")
	fatal(h.i.t, syscall.Kill(h.borg, syscall.SIGCONT))
	if got := h.i.says(h.i.controller, "borgfleet-controller jobs follow "+h.job); !strings.Contains(got, "completed after") {
		h.i.t.Errorf("the backup ended as\n%s", got)
	}
}

// removeAndReturn: a package that is removed and comes back finds all as it was.
func (i *installed) removeAndReturn(host *machines.Machine) {
	i.t.Helper()
	i.says(host, "apt-get remove borgfleet-agent")
	if got := i.says(host, "systemctl is-active borgfleet-agent || true; ls /usr/bin/borgfleet-agent 2>&1 || true"); !strings.HasPrefix(got, "inactive") || !strings.Contains(got, "No such file") {
		i.t.Errorf("after the package was removed: %s", got)
	}
	i.says(host, "apt-get install ./borgfleet-agent_*_"+runtime.GOARCH+".deb; systemctl start borgfleet-agent")
	if out, problem := i.typed(i.controller, block{script: "borgfleet-controller agents list", wait: true, want: []string{host.Name + " … online"}}); problem != "" {
		i.t.Errorf("%s: %s", problem, out)
	}
}

// purgeController: what exists only there stays, and is named.
func (i *installed) purgeController() {
	i.t.Helper()
	got := i.says(i.controller, "apt-get purge borgfleet-controller; ls /var/lib/borgfleet/ca /etc/borgfleet/controller.env 2>&1 || true")
	for _, want := range []string{"/var/lib/borgfleet stays: the fleet's certificate authority", "'/etc/borgfleet/controller.env': No such file"} {
		if !strings.Contains(got, want) {
			i.t.Errorf("there is no %q in\n%s", want, got)
		}
	}
}
