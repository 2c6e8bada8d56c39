#!/bin/sh
# Prints the changelog of a package as Debian wants it, from the commits: one
# entry for VERSION, and one for each tag before it.
#
#	changelog.sh PACKAGE VERSION DATE MAINTAINER
set -eu

package=$1 version=$2 date=$3 maintainer=$4

entry() { # version, date; the changes come in
	# As packages write it, see scripts/version.sh.
	printf '%s (%s) unstable; urgency=medium\n\n' "$package" "$(echo "$1" | sed 's/-/~/')"
	cat
	printf '\n -- %s  %s\n\n' "$maintainer" "$(LC_ALL=C TZ=UTC date -d "$2" '+%a, %d %b %Y %H:%M:%S +0000')"
}

changes() { # commits
	git log --no-merges --format='%w(78,2,4)* %s' "$1" --
}

if ! git rev-parse --verify --quiet HEAD >/dev/null; then
	echo '  * made of an archive of the source, which does not know its commits' | entry "$version" "$date"
	exit 0
fi
upto=HEAD
for tag in $(git tag --list 'v[0-9]*' --merged HEAD --sort=-version:refname); do
	[ "$(git rev-list --count "$tag..$upto")" -gt 0 ] || continue # the tag is what is packed
	changes "$tag..$upto" | entry "$version" "$date"
	version=${tag#v} upto=$tag date=$(git log -1 --format=%cI "$tag" --)
done
changes "$upto" | entry "$version" "$date"
