#!/bin/sh
# Prints the version of this tree, a semantic version without the v, as Debian's
# and rpm's packages want it, too: newer commits are newer versions.
#
#	0.3.0                  the tag v0.3.0
#	0.3.0+12.g0a1b2c3      twelve commits after it
#	0.1.0-dev.1517+g0a1b…  before the first tag: older than 0.1.0
#
# "+….dirty" is a tree with changes that no commit has.
set -eu

if ! commit=$(git rev-parse --short=7 HEAD 2>/dev/null); then
	echo 0.1.0-dev # no checkout: the source alone does not know
	exit 0
fi
dirty=
git diff --quiet HEAD -- || dirty=.dirty
if tag=$(git describe --tags --abbrev=0 --match 'v[0-9]*' 2>/dev/null); then
	after=$(git rev-list --count "$tag"..HEAD)
	if [ "$after" -gt 0 ]; then
		echo "${tag#v}+$after.g$commit$dirty"
	else
		echo "${tag#v}${dirty:++dirty}"
	fi
else
	echo "0.1.0-dev.$(git rev-list --count HEAD)+g$commit$dirty"
fi
