#!/bin/sh
# Makes the packages of the last commit a second time: from a clone in another
# place, with another home, another umask, another zone and no cache of builds.
# Fails if a byte of them is another one.
#
#	again.sh VERSION DIST NFPM
set -eu

version=$1 dist=$(realpath "$2") nfpm=$(realpath "$3")

case $version in
*dirty)
	echo "there are changes that no commit has: the packages of $version cannot be made a second time. Commit them first" >&2
	exit 1
	;;
esac
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
GOMODCACHE=$(go env GOMODCACHE)
export GOMODCACHE
umask 077
git clone --quiet "$(git rev-parse --show-toplevel)" "$work/elsewhere"
mkdir -p "$work/home" "$work/elsewhere/.cache/tools"
cp "$nfpm" "$work/elsewhere/.cache/tools/" # what it is made of is pinned
cd "$work/elsewhere"
HOME=$work/home GOCACHE=$work/home/builds TZ=Pacific/Kiritimati make --no-print-directory packages >"$work/said" 2>&1 || {
	tail -n 30 "$work/said" >&2
	exit 1
}
cmp "$dist/SHA256SUMS" dist/SHA256SUMS || {
	diff "$dist/SHA256SUMS" dist/SHA256SUMS >&2
	exit 1
}
echo "The packages of $version are the same, byte for byte."
