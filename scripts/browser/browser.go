// Package browser drives a headless Chromium over a pipe, for tests of what
// people see: a page is loaded, asked and clicked, and everything it complained
// of and every host it asked is known afterwards.
package browser

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// ErrMissing is the error of Start on a machine without Chromium.
var ErrMissing = errors.New("chromium is not installed; make browser installs it")

// Browser is a running Chromium.
type Browser struct {
	cmd  *exec.Cmd
	conn *conn
	done chan struct{}
}

// flags make a browser that asks and stores as little as it can by itself.
var flags = []string{
	"--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe", "--hide-scrollbars",
	"--no-first-run", "--no-default-browser-check", "--disable-sync", "--disable-extensions", "--disable-default-apps",
	"--disable-background-networking", "--disable-component-update", "--metrics-recording-only", "--no-pings", "--disable-breakpad",
	"--password-store=basic", "--use-mock-keychain", "--disable-features=AutofillServerCommunication",
}

// nowhere is a proxy that nobody answers at: what the browser wants for itself,
// and it always wants something, stays on this machine.
const nowhere = "127.0.0.1:9"

// Start starts Chromium with its files below dir. It reaches nobody; its pages
// reach what their proxy lets through.
func Start(ctx context.Context, dir string) (*Browser, error) {
	path, err := find()
	if err != nil {
		return nil, err
	}
	toUs, theirOut, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	theirIn, fromUs, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, toUs.Close(), theirOut.Close())
	}
	args := append([]string{"--user-data-dir=" + dir, "--proxy-server=" + nowhere, "--proxy-bypass-list=<-loopback>"}, flags...)
	cmd := exec.CommandContext(ctx, path, append(args, "about:blank")...)
	cmd.ExtraFiles = []*os.File{theirIn, theirOut} // 3 and 4, as Chromium wants them
	cmd.Env = append(os.Environ(), "HOME="+dir, "DBUS_SESSION_BUS_ADDRESS=disabled:")
	cmd.Stderr = io.Discard
	// Its helpers are ended with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	err = cmd.Start()
	if closed := errors.Join(theirIn.Close(), theirOut.Close()); err == nil {
		err = closed
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", path, err), toUs.Close(), fromUs.Close())
	}
	b := &Browser{cmd: cmd, conn: newConn(toUs, fromUs), done: make(chan struct{})}
	go func() {
		defer close(b.done)
		_ = cmd.Wait() // it is told to end, or killed; how it went is of no interest
	}()
	return b, nil
}

// find looks for the names that distributions give it.
func find() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", ErrMissing
}

// Close ends the browser and all its processes.
func (b *Browser) Close() error {
	err := b.conn.call(context.Background(), "", "Browser.close", nil, nil)
	select {
	case <-b.done:
		err = nil
	case <-time.After(10 * time.Second):
	}
	_ = syscall.Kill(-b.cmd.Process.Pid, syscall.SIGKILL) // what is left of the group, if anything
	<-b.done
	b.conn.close()
	return err
}
