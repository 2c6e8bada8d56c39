#!/bin/sh
# Makes sure that this machine has a Chromium, from the distribution, for the
# tests that look at /api/docs.
set -eu

for name in chromium chromium-browser google-chrome; do
	if command -v "$name" >/dev/null 2>&1; then
		exit 0
	fi
done
if ! command -v apt-get >/dev/null 2>&1; then
	echo "chromium is not installed, and this machine has no apt-get: install it with its package manager and run this again" >&2
	exit 1
fi
as_root=
if [ "$(id -u)" -ne 0 ]; then
	if ! command -v sudo >/dev/null 2>&1; then
		echo "chromium is not installed: run as root: apt-get install --no-install-recommends chromium" >&2
		exit 1
	fi
	as_root=sudo
fi
echo "chromium is not installed: installing the distribution's" >&2
$as_root apt-get update -qq >&2
DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends chromium >&2
