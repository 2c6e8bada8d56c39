package testenv

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"borgfleet/scripts/faultfs"
)

// mountDisk gives a directory on a disk of its own, or an ordinary one.
func (e *Env) mountDisk(name string, opt *faultfs.Options) (string, *faultfs.FS, error) {
	if opt == nil {
		return filepath.Join(e.Dir, name), nil, nil
	}
	mountpoint := filepath.Join(e.Dir, "disk-"+name)
	if err := os.MkdirAll(mountpoint, 0o755); err != nil {
		return "", nil, err
	}
	disk, err := faultfs.Mount(mountpoint, *opt)
	if err != nil {
		return "", nil, err
	}
	return filepath.Join(mountpoint, name), disk, nil
}

func unmountDisk(disk *faultfs.FS) error {
	if disk == nil {
		return nil
	}
	return disk.Unmount()
}

// PowerCut is the end of the host's machine: of its disk, daemon, job processes
// and borgs, all at once. It needs a FaultDisk.
func (h *Host) PowerCut() error {
	var errs []error
	h.Disk.PowerCut(func() {
		errs = append(errs, kill(h.PID()))
		for _, pid := range h.JobProcesses() {
			errs = append(errs, kill(pid))
		}
		for _, pid := range h.Borgs() {
			errs = append(errs, kill(pid))
		}
	})
	errs = append(errs, h.Kill(), h.env.Await("the host's processes are gone", func() (bool, error) {
		return len(h.JobProcesses())+len(h.Borgs()) == 0, nil
	}))
	return errors.Join(errs...)
}

// PowerOn starts the daemon on what the disk has kept.
func (h *Host) PowerOn() error {
	if err := h.Disk.PowerOn(); err != nil {
		return err
	}
	return h.Start()
}

// PowerCut is the end of the controller's machine. It needs a FaultDisk.
func (c *Controller) PowerCut() error {
	var err error
	c.Disk.PowerCut(func() {
		c.power.cut()
		err = kill(c.PID())
	})
	return errors.Join(err, c.Kill())
}

// PowerOn starts the controller on what the disk has kept.
func (c *Controller) PowerOn() error {
	c.power.on(c.env.ctx)
	if err := c.Disk.PowerOn(); err != nil {
		return err
	}
	return c.Start()
}

func kill(pid int) error {
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("end process %d: %w", pid, err)
	}
	return nil
}
