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
	i := newInstalled(t, ctx, base, "controller", "web1", "web2")
	i.bring(first, ".deb")
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
	i.bring(next, ".deb")
	held := i.holdBackup()
	i.walk(all[:upgraded])
	i.lookAtVersions(next)
	held.finish()
	told.once(held.job)
	i.goBack(first)
	i.removeAndReturn(i.hosts[1])
	i.stoppedBackup()
	i.walk(all[upgraded:])
	i.purgeController()
}

// newInstalled starts machines: the controller's, and those of hosts. Without
// hosts it is its own.
func newInstalled(t *testing.T, ctx context.Context, base, controller string, hosts ...string) *installed {
	network, err := machines.NewNetwork()
	fatal(t, err)
	t.Cleanup(network.Close)
	i := &installed{t: t, ctx: ctx, network: network}
	dir := t.TempDir()
	add := func(name string) *machines.Machine {
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
	i.controller = add(controller)
	for _, name := range hosts {
		i.hosts = append(i.hosts, add(name))
	}
	t.Cleanup(i.showLogs)
	if len(hosts) == 0 {
		i.hosts = []*machines.Machine{i.controller}
	}
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
	if i.hosts[0] == i.controller {
		return i.hosts
	}
	return append([]*machines.Machine{i.controller}, i.hosts...)
}

// archs are this machine's, as the families of packages call it.
var archs = map[string]map[string]string{".deb": {"amd64": "amd64", "arm64": "arm64"}, ".rpm": {"amd64": "x86_64", "arm64": "aarch64"}}

// bring puts a directory's packages of a kind in the place of those that were there.
func (i *installed) bring(dist, kind string) {
	i.t.Helper()
	for _, m := range i.all() {
		old, _ := filepath.Glob(filepath.Join(m.Root, "root", "*"+kind))
		for _, file := range old {
			fatal(i.t, os.Remove(file))
		}
		packages, err := filepath.Glob(filepath.Join(dist, "*"+archs[kind][runtime.GOARCH]+kind))
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

// online waits until hosts are connected.
func (i *installed) online(hosts ...*machines.Machine) {
	i.t.Helper()
	list := block{script: "borgfleet-controller agents list", wait: true}
	for _, m := range hosts {
		list.want = append(list.want, m.Name+" … online")
	}
	if out, problem := i.typed(i.controller, list); problem != "" {
		i.t.Fatalf("%s: %s", problem, out)
	}
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
		i.says(m, "systemd-analyze security --threshold="+map[string]string{"borgfleet-controller": controllerExposure, "borgfleet-agent": agentExposure}[program]+" --no-pager "+program+".service >&2")
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

// goBack: an older version that knows the form of the data goes on with it, and one
// that does not know it refuses, touches nothing, and says what to do.
func (i *installed) goBack(dist string) {
	i.t.Helper()
	const install = "apt-get install --allow-downgrades "
	i.bring(dist, ".deb")
	for _, m := range i.hosts {
		i.says(m, install+"./borgfleet-agent_*.deb")
	}
	i.says(i.controller, install+"./borgfleet-controller_*.deb")
	i.online(i.hosts...)
	i.lookAtVersions(dist)

	const form = "/var/lib/borgfleet/store/version"
	was := i.says(i.controller, "systemctl stop borgfleet-controller; cat "+form)
	i.says(i.controller, "echo 99 > "+form+"; systemctl start borgfleet-controller || true")
	refuses := block{script: "journalctl -u borgfleet-controller --output=cat --no-pager -n 20", wait: true, want: []string{"was written by a newer controller: it has store version 99"}}
	if out, problem := i.typed(i.controller, refuses); problem != "" {
		i.t.Errorf("a controller that is too old: %s; it says\n%s", problem, out)
	}
	if got := i.says(i.controller, "systemctl stop borgfleet-controller; cat "+form); got != "99" {
		i.t.Errorf("a controller that is too old has written the form %s", got)
	}
	i.says(i.controller, "echo "+was+" > "+form+"; systemctl reset-failed borgfleet-controller; systemctl start borgfleet-controller")
	i.online(i.hosts...)
}

// removeAndReturn: a package that is removed and comes back finds all as it was,
// and starts what was to start by itself, and nothing else.
func (i *installed) removeAndReturn(host *machines.Machine) {
	i.t.Helper()
	const remove, install = "apt-get remove borgfleet-agent", "apt-get install ./borgfleet-agent_*.deb"
	i.says(host, remove)
	if got := i.says(host, "systemctl is-active borgfleet-agent || true; ls /usr/bin/borgfleet-agent 2>&1 || true"); !strings.HasPrefix(got, "inactive") || !strings.Contains(got, "No such file") {
		i.t.Errorf("after the package was removed: %s", got)
	}
	i.says(host, install)
	i.online(host)
	for _, before := range []string{"systemctl disable borgfleet-agent; " + remove + "; " + install, "systemctl stop borgfleet-agent; apt-get install --reinstall ./borgfleet-agent_*.deb"} {
		if got := i.says(host, before+" >/dev/null; systemctl is-active borgfleet-agent || true"); !strings.HasSuffix(got, "inactive") {
			i.t.Errorf("after %s the agent is %s", before, got)
		}
	}
	i.says(host, "systemctl enable --now borgfleet-agent")
}

// stoppedBackup: root's backup of a controller that is stopped leaves it able to
// start.
func (i *installed) stoppedBackup() {
	i.t.Helper()
	if got := i.says(i.controller, `systemctl stop borgfleet-controller
		borgfleet-controller db backup stopped.backup 2>/dev/null >&2
		find /var/lib/borgfleet ! -user borgfleet
		systemctl start borgfleet-controller`); got != "" {
		i.t.Errorf("after root's backup there are files of others:\n%s", got)
	}
	i.online(i.hosts...)
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
