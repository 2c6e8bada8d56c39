#!/bin/sh
# Makes sure that this machine has what the examples of hooks are for, from the
# distribution. Nothing is done, and nobody needs to be root, when it is there.
set -eu

missing=
# pg_ctl is not on PATH where the distribution has several versions.
ls /usr/lib/postgresql/*/bin/pg_ctl >/dev/null 2>&1 || command -v pg_ctl >/dev/null 2>&1 || missing="$missing postgresql"
command -v mariadbd >/dev/null 2>&1 || missing="$missing mariadb-server-core"
command -v mariadb-dump >/dev/null 2>&1 || missing="$missing mariadb-client"
command -v mkfs.btrfs >/dev/null 2>&1 || missing="$missing btrfs-progs"
[ -n "$missing" ] || exit 0

as_root=
if ! command -v apt-get >/dev/null 2>&1; then
	echo "missing:$missing; this machine has no apt-get, so what is missing is not tried" >&2
	exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
	if ! command -v sudo >/dev/null 2>&1; then
		echo "run as root: apt-get install$missing" >&2
		exit 1
	fi
	as_root=sudo
fi
echo "installing$missing" >&2
$as_root apt-get update -qq >&2
# One by one: what cannot be had is skipped by its test, which says so.
for package in $missing; do
	DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends "$package" >&2 ||
		echo "$package cannot be installed" >&2
done
