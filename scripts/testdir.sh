#!/bin/sh
# Prints where the tests put their files: in memory, where this machine has a file
# system there that can hold them. They make and remove a hundred thousand files, and
# wait for the disk at each commit of a store. What a disk does to a commit is tested
# on disks that the tests make themselves, with faultfs and with mounts.
set -eu

shm=/dev/shm
enough=$((4 << 20)) # kB; they use less than one of them at a time

there() {
	[ "$(stat -f -c %T "$shm")" = tmpfs ] || return 1
	[ "$(df -k --output=avail "$shm" | tail -n 1)" -ge $enough ] || return 1
	probe=$(mktemp -d "$shm/borgfleet-XXXXXX") || return 1
	# Programs are started there, and files keep their attributes.
	cp /bin/true "$probe/true" && "$probe/true" &&
		python3 -c 'import os, sys; os.setxattr(sys.argv[1], "user.probe", b"x")' "$probe/true"
	ok=$?
	rm -r "$probe"
	return $ok
}

if there 2>/dev/null; then
	echo "$shm"
else
	echo "${TMPDIR:-/tmp}"
fi
