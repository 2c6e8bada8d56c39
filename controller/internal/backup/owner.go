package backup

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// asOwner has root do something as the account that a data directory belongs to.
// What root made in there that account could not use, and the next start of the
// controller would fail.
func asOwner(dir string, do func() error) (err error) {
	info, err := os.Stat(dir)
	if err != nil {
		return do() // which says what is wrong with it
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || owner.Uid == 0 || os.Geteuid() != 0 {
		return do()
	}
	// The effective ids alone, so that there is a way back; the group while root
	// still may.
	err = syscall.Setresgid(-1, int(owner.Gid), -1)
	if err == nil {
		defer func() { err = errors.Join(err, syscall.Setresgid(-1, 0, -1)) }()
		err = syscall.Setresuid(-1, int(owner.Uid), -1)
	}
	if err != nil {
		return fmt.Errorf("become the account that %s belongs to: %w; run this as that account: setpriv --reuid %d --regid %d --clear-groups borgfleet-controller …",
			dir, err, owner.Uid, owner.Gid)
	}
	defer func() { err = errors.Join(err, syscall.Setresuid(-1, 0, -1)) }()
	return do()
}
