#!/bin/sh
# Puts the distribution's promtool into .cache/tools, for the tests of
# docs/monitoring, unless the machine has one. The package is only unpacked:
# installed, it would start a server that nobody asked for.
set -eu
cd "$(dirname "$0")/.."

tools=$PWD/.cache/tools
if [ -x "$tools/promtool" ] || command -v promtool >/dev/null 2>&1; then
	exit 0
fi
if ! command -v apt-get >/dev/null 2>&1; then
	echo "promtool is not installed, and this machine has no apt-get: install Prometheus with its package manager and run this again" >&2
	exit 1
fi
echo "promtool is not installed: unpacking the distribution's" >&2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
if ! apt-get download -qq prometheus >&2; then # its lists of packages are old, or not there
	as_root=
	if [ "$(id -u)" -ne 0 ]; then
		if ! command -v sudo >/dev/null 2>&1; then
			echo "run as root: apt-get update; and then this again" >&2
			exit 1
		fi
		as_root=sudo
	fi
	$as_root apt-get update -qq >&2
	apt-get download -qq prometheus >&2
fi
dpkg-deb -x prometheus_*.deb .
mkdir -p "$tools"
mv usr/bin/promtool "$tools/"
