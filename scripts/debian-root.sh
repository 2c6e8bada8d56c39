#!/bin/sh
# Makes a bare Debian root in DIR, with systemd and nothing of ours, in which
# the packages are tried; installs what makes and starts such roots, and what
# looks at packages, if it is missing. Needs root. Nothing is done when DIR is
# there already.
set -eu

dir=$1
suite=bookworm
# What our packages recommend, and what machines of the other family install
# theirs with, is fetched here: the machines have no network. It is installed by
# apt, there.
fetch='borgbackup openssh-client rpm'

if [ "$(id -u)" -ne 0 ]; then
	echo "only root can make and start a Debian root: run this as root" >&2
	exit 1
fi
missing=
command -v debootstrap >/dev/null 2>&1 || missing="$missing debootstrap"
command -v systemd-nspawn >/dev/null 2>&1 || missing="$missing systemd-container"
command -v nsenter >/dev/null 2>&1 || missing="$missing util-linux"
command -v rpm >/dev/null 2>&1 || missing="$missing rpm"
command -v lintian >/dev/null 2>&1 || missing="$missing lintian"
command -v buildah >/dev/null 2>&1 || missing="$missing buildah"
command -v qemu-aarch64-static >/dev/null 2>&1 || missing="$missing qemu-user-static"
if [ -n "$missing" ]; then
	if ! command -v apt-get >/dev/null 2>&1; then
		echo "missing:$missing; install them with this machine's package manager and run this again" >&2
		exit 1
	fi
	echo "installing$missing" >&2
	apt-get update -qq >&2
	# One word each.
	# shellcheck disable=SC2086
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >&2
fi
if [ -d "$dir" ] && [ "$(cat "$dir.fetched" 2>/dev/null)" = "$fetch" ]; then
	exit 0
fi

echo "making a Debian $suite root in $dir" >&2
new=$dir.new
rm -rf "$new"
mkdir -p "$new"
debootstrap --variant=minbase --include=systemd-sysv,dbus,ca-certificates "$suite" "$new" http://deb.debian.org/debian >"$new.log" 2>&1 || {
	tail -n 20 "$new.log" >&2
	exit 1
}
chroot "$new" apt-get clean
# One word each.
# shellcheck disable=SC2086
chroot "$new" apt-get install -y -qq --download-only $fetch >>"$new.log" 2>&1 || {
	tail -n 20 "$new.log" >&2
	exit 1
}
echo 'APT::Get::Assume-Yes "true";' >"$new/etc/apt/apt.conf.d/90yes"
# Each machine gets its own id when it starts.
: >"$new/etc/machine-id"
rm -f "$new/var/lib/dbus/machine-id"
rm "$new.log"
rm -rf "$dir"
mv "$new" "$dir"
echo "$fetch" >"$dir.fetched"
