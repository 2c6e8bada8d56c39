package server

import (
	"fmt"
	"os"
	"syscall"

	"borgfleet/shared/term"
)

// refuseAnothers keeps root from serving a data directory that is another account's:
// it could, and what it wrote there that account's controller could not read.
func refuseAnothers(dir string, uid int) error {
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("look at the data directory: %w", err)
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || uid != 0 || owner.Uid == 0 {
		return nil
	}
	return fmt.Errorf("%s belongs to the account %d, which could not use what root writes there: start the controller as that account (a service: systemctl start borgfleet-controller); or give it to root, if it is to be root's: chown -R root %s",
		term.Clean(dir), owner.Uid, term.Shell(dir))
}
