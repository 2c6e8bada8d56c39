//go:build steppedclock

package jobdir

import "os"

// BootIDVar names the environment variable with the file that has the boot's id.
// Tests that cut the power put another one there: a machine cannot be booted for
// each of them.
const BootIDVar = "BORGFLEET_BOOT_ID"

func bootIDPath() string {
	if file := os.Getenv(BootIDVar); file != "" {
		return file
	}
	return "/proc/sys/kernel/random/boot_id"
}
