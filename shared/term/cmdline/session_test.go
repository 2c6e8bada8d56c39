package cmdline

import "syscall"

// session makes a shell's terminal its own, without which it has no control of
// jobs and complains.
func session() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true, Setctty: true}
}
