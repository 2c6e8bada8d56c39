//go:build !steppedclock

package jobdir

// bootIDPath is where the kernel says which boot it is.
func bootIDPath() string { return "/proc/sys/kernel/random/boot_id" }
