#!/bin/sh
# Makes sure that this machine has wrk, the HTTP client that make bench-queries
# measures with, from the distribution. Nothing is done when it is there already.
set -eu

if command -v wrk >/dev/null 2>&1; then
	exit 0
fi
say_how() {
	echo "wrk is not installed, and $1: install the package wrk with this machine's package manager and run this again" >&2
	exit 1
}
command -v apt-get >/dev/null 2>&1 || say_how "this machine has no apt-get"
as_root=
if [ "$(id -u)" -ne 0 ]; then
	command -v sudo >/dev/null 2>&1 || say_how "you are not root"
	as_root=sudo
fi
echo "wrk is not installed: installing the distribution's" >&2
$as_root apt-get update -qq >&2 || say_how "apt-get update failed"
DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends wrk >&2 || say_how "apt-get could not install it"
