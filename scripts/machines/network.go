// Package machines starts Debian roots as machines with a systemd of their own, for
// tests of what is installed on them. It needs root.
package machines

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// Network is a network of its own, in which there is nothing but a loopback:
// all machines in it share that, and reach nobody else.
type Network struct {
	holder *exec.Cmd
	held   io.Closer
}

// NewNetwork makes a network that lasts until Close, or until this process ends.
func NewNetwork() (*Network, error) {
	n := &Network{holder: exec.Command("unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec cat")}
	n.holder.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stdin, err := n.holder.StdinPipe()
	if err != nil {
		return nil, err
	}
	n.held = stdin
	out, err := n.holder.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := n.holder.Start(); err != nil {
		return nil, fmt.Errorf("make a network: %w", err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "up\n" {
		n.Close()
		return nil, fmt.Errorf("make a network: %q %v", line, err)
	}
	return n, nil
}

// path is the network as other programs name it.
func (n *Network) path() string { return fmt.Sprintf("/proc/%d/ns/net", n.holder.Process.Pid) }

// Listen listens in the network, for those who are in it, from this process, which
// is not.
func (n *Network) Listen(address string) (net.Listener, error) {
	there, err := os.Open(n.path())
	if err != nil {
		return nil, fmt.Errorf("listen in the machines' network: %w", err)
	}
	defer there.Close()
	type opened struct {
		net.Listener
		error
	}
	done := make(chan opened)
	go func() {
		// This thread is never given back: it ends with the goroutine, and what it
		// has opened stays in the network.
		runtime.LockOSThread()
		if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- opened{error: err}
			return
		}
		l, err := net.Listen("tcp", address)
		done <- opened{l, err}
	}()
	o := <-done
	if o.error != nil {
		return nil, fmt.Errorf("listen in the machines' network: %w", o.error)
	}
	return o.Listener, nil
}

// Close ends the network. Machines that are in it keep it until they end.
func (n *Network) Close() {
	n.held.Close()
	_ = n.holder.Wait()
}
