#!/bin/sh
# Makes sure that this machine has borg 1.2 or newer, from the distribution.
# Nothing is done, and nobody needs to be root, when it is there already.
set -eu

if command -v borg >/dev/null 2>&1; then
	exit 0
fi
if ! command -v apt-get >/dev/null 2>&1; then
	echo "borg is not installed, and this machine has no apt-get: install borg (1.2 or 1.4) with its package manager and run this again" >&2
	exit 1
fi
as_root=
if [ "$(id -u)" -ne 0 ]; then
	if ! command -v sudo >/dev/null 2>&1; then
		echo "borg is not installed: run as root: apt-get install borgbackup" >&2
		exit 1
	fi
	as_root=sudo
fi
echo "borg is not installed: installing the distribution's borgbackup" >&2
$as_root apt-get update -qq >&2
DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends borgbackup >&2
