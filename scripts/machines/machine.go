package machines

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Machine is a root that runs.
type Machine struct {
	Name string
	Root string // its files, seen from here

	network *Network
	group   *controlGroup
	nspawn  *exec.Cmd
	ended   chan struct{}
	leader  int // its process 1, as it is called here
}

// Prepare copies the root at base to dir as a machine that is not started.
// hosts are names by which all machines of the network are reached.
func Prepare(base, dir, name string, network *Network, hosts ...string) (*Machine, error) {
	if out, err := exec.Command("cp", "-a", "--reflink=auto", base, dir).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("copy the root: %w: %s", err, out)
	}
	for file, text := range map[string]string{
		"etc/hostname": name + "\n",
		"etc/hosts":    "127.0.0.1 localhost " + strings.Join(append(hosts, name), " ") + "\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	return &Machine{Name: name, Root: dir, network: network}, nil
}

// Start boots the machine and waits until its systemd has started everything.
func (m *Machine) Start(ctx context.Context) error {
	log, err := os.Create(m.Root + ".console")
	if err != nil {
		return err
	}
	defer log.Close()
	m.nspawn = exec.Command("systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit", "--directory="+m.Root,
		"--machine="+m.Name, "--network-namespace-path="+m.network.path(), "--console=pipe")
	// Some hosts have the older hierarchy of control groups beside this one.
	m.nspawn.Env = append(os.Environ(), "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1")
	m.nspawn.Stdout, m.nspawn.Stderr = log, log
	if m.group, err = newControlGroup(m.Name); err != nil {
		return fmt.Errorf("start machine %s: %w", m.Name, err)
	}
	m.nspawn.SysProcAttr = m.group.start()
	if err := m.nspawn.Start(); err != nil {
		return errors.Join(fmt.Errorf("start machine %s: %w", m.Name, err), m.group.remove())
	}
	m.ended = make(chan struct{})
	go func() {
		_ = m.nspawn.Wait()
		close(m.ended)
	}()
	if err := m.await(ctx); err != nil {
		return errors.Join(fmt.Errorf("start machine %s: %w; see %s", m.Name, err, log.Name()), m.Stop())
	}
	return nil
}

// await waits for process 1, and for what it says of itself.
func (m *Machine) await(ctx context.Context) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-m.ended:
			return errors.New("it ended")
		case <-tick.C:
		}
		if m.leader = leaderOf(m.nspawn.Process.Pid); m.leader == 0 {
			continue
		}
		out, err := m.Run(ctx, "systemctl is-system-running --wait", nil)
		switch state := strings.TrimSpace(string(out)); {
		case err == nil && state == "running":
			return nil
		case state == "degraded":
			out, _ := m.Run(ctx, "systemctl --failed --no-pager", nil)
			return fmt.Errorf("not everything has started: %s", out)
		}
	}
}

// leaderOf finds the child that is process 1 of a process namespace.
func leaderOf(pid int) int {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return 0
	}
	for _, task := range tasks {
		data, err := os.ReadFile(task)
		if err != nil {
			continue
		}
		for _, child := range strings.Fields(string(data)) {
			status, err := os.ReadFile("/proc/" + child + "/status")
			if err == nil && isFirst(string(status)) {
				n, _ := strconv.Atoi(child)
				return n
			}
		}
	}
	return 0
}

func isFirst(status string) bool {
	for line := range strings.Lines(status) {
		if ids, ok := strings.CutPrefix(line, "NSpid:"); ok {
			fields := strings.Fields(ids)
			return len(fields) > 1 && fields[len(fields)-1] == "1"
		}
	}
	return false
}

// Run runs a script as root of the machine would type it, with stdin, and gives
// all that it prints.
func (m *Machine) Run(ctx context.Context, script string, stdin []byte) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "nsenter", "--target", strconv.Itoa(m.leader), "--all", "--root", "--wd", "env", "-i",
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8", "TERM=dumb", "DEBIAN_FRONTEND=noninteractive",
		"bash", "-c", "cd /root\nset -eu -o pipefail\n"+script)
	cmd.Stdin = bytes.NewReader(stdin)
	cmd.WaitDelay = 5 * time.Second
	return cmd.CombinedOutput()
}

// Processes are those of a name in the machine, as they are called here.
func (m *Machine) Processes(name string) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	mine, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", m.leader))
	if err != nil {
		return nil, err
	}
	var out []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		comm, err := os.ReadFile(filepath.Join("/proc", e.Name(), "comm"))
		if err != nil || strings.TrimSpace(string(comm)) != name {
			continue
		}
		if ns, err := os.Readlink(filepath.Join("/proc", e.Name(), "ns/pid")); err == nil && ns == mine {
			out = append(out, pid)
		}
	}
	return out, nil
}

// stopTime is how long a machine may take to shut down.
const stopTime = 30 * time.Second

// Stop shuts the machine down, and ends it if that takes too long.
func (m *Machine) Stop() error {
	if m.ended == nil {
		return nil
	}
	// nspawn asks the machine to shut down.
	_ = m.nspawn.Process.Signal(syscall.SIGTERM)
	select {
	case <-m.ended:
	case <-time.After(stopTime):
		_ = m.nspawn.Process.Kill()
		<-m.ended
		return errors.Join(fmt.Errorf("machine %s did not shut down within %s", m.Name, stopTime), m.group.remove())
	}
	// nspawn leaves the directory through which mounts would be handed in.
	_ = os.Remove("/run/systemd/nspawn/propagate/" + m.Name)
	return m.group.remove()
}
