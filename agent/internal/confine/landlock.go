package confine

import (
	"errors"
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// landlockABI is the oldest that can be used: the first one refuses every hard
// link between two folders.
const landlockABI = 2

// All that changes a file or a directory's entries, of landlockABI.
const (
	toFiles = unix.LANDLOCK_ACCESS_FS_WRITE_FILE
	toDirs  = toFiles |
		unix.LANDLOCK_ACCESS_FS_REMOVE_DIR | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE |
		unix.LANDLOCK_ACCESS_FS_MAKE_CHAR | unix.LANDLOCK_ACCESS_FS_MAKE_DIR |
		unix.LANDLOCK_ACCESS_FS_MAKE_REG | unix.LANDLOCK_ACCESS_FS_MAKE_SOCK |
		unix.LANDLOCK_ACCESS_FS_MAKE_FIFO | unix.LANDLOCK_ACCESS_FS_MAKE_BLOCK |
		unix.LANDLOCK_ACCESS_FS_MAKE_SYM | unix.LANDLOCK_ACCESS_FS_REFER
)

// truncate came with ABI 3. Before it truncate(2) is free.
const truncate = unix.LANDLOCK_ACCESS_FS_TRUNCATE

// landlock refuses the calling thread all changes outside of the bounds.
func (b Bounds) landlock() error {
	abi, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	switch {
	case errno != 0:
		return fmt.Errorf("ask for Landlock: %w", errno)
	case abi < landlockABI:
		return fmt.Errorf("this kernel's Landlock has version %d, %d is needed", abi, landlockABI)
	}
	var more uint64
	if abi >= 3 {
		more = truncate
	}
	set, err := newRuleset(toDirs | more)
	if err != nil {
		return err
	}
	defer unix.Close(int(set))
	if err := set.allow(int(b.Into.Fd()), toDirs|more); err != nil {
		return err
	}
	for _, path := range b.Also {
		if err := set.allowAt(path, unix.O_DIRECTORY, toDirs|more); err != nil {
			return err
		}
	}
	// ssh does not start without it.
	if err := set.allowAt("/dev/null", 0, toFiles|more); err != nil {
		return err
	}
	return set.restrict()
}

// ruleset is an open Landlock ruleset.
type ruleset int

func newRuleset(handled uint64) (ruleset, error) {
	attr := unix.LandlockRulesetAttr{Handled_access_fs: handled}
	// The first field alone: an older kernel need not know the others.
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET,
		uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr.Handled_access_fs), 0)
	if errno != 0 {
		return -1, fmt.Errorf("make a Landlock ruleset: %w", errno)
	}
	return ruleset(fd), nil
}

func (r ruleset) allowAt(path string, flags int, access uint64) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC|flags, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	defer unix.Close(fd)
	return r.allow(fd, access)
}

func (r ruleset) allow(fd int, access uint64) error {
	attr := unix.LandlockPathBeneathAttr{Allowed_access: access, Parent_fd: int32(fd)}
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(r),
		unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&attr)), 0, 0, 0)
	if errno != 0 {
		return fmt.Errorf("add a Landlock rule: %w", errno)
	}
	return nil
}

// restrict makes the rules hold for the calling thread. Who is not root has to
// renounce set-user-id programs first.
func (r ruleset) restrict() error {
	enforce := func() syscall.Errno {
		_, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(r), 0, 0)
		return errno
	}
	errno := enforce()
	if errors.Is(errno, unix.EPERM) {
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return fmt.Errorf("renounce set-user-id programs: %w", err)
		}
		errno = enforce()
	}
	if errno != 0 {
		return fmt.Errorf("apply the Landlock rules: %w", errno)
	}
	return nil
}
