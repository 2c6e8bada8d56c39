#!/bin/sh
# Prints the borgs that the tests run with, as a list separated by colons: the
# machine's own and, on Debian 12, borg 1.4 unpacked from backports beside it.
# Nothing on the system is changed, and no rights are needed. Where 1.4 cannot
# be had, the tests run with what is there, and this says so.
#
# Each is started by a door of ours, a program named borg. A test run starts borg
# more than a thousand times, and half of what that costs is none of our business:
# borg tests its own cryptography each time, Python looks for garbage among modules
# that are just being loaded, the distribution's entry script looks for the package
# in a list of all packages, and a key is to be hard to guess from its passphrase.
set -eu

own=$(command -v borg)
cache=$(cd "$(dirname "$0")/.." && pwd)/.cache
new=$cache/borg-1.4

# door FILE PYTHON [PACKAGES] makes a borg of the package that the interpreter has,
# or of the one below PACKAGES.
door() {
	mkdir -p "$(dirname "$1")"
	cat >"$1.new" <<-EOF
		#!$2
		import gc
		import sys
		import types

		${3:+sys.path.insert(1, '$3')}
		gc.disable()
		sys.modules["borg.selftest"] = types.SimpleNamespace(selftest=lambda logger: None)
		import borg.constants

		borg.constants.PBKDF2_ITERATIONS = 1000
		from borg.archiver import main

		gc.freeze()
		gc.enable()
		sys.exit(main())
	EOF
	chmod 755 "$1.new"
	# As it was if it is the same: its age is the key of what is known of it.
	if cmp -s "$1.new" "$1"; then rm "$1.new"; else mv "$1.new" "$1"; fi
}

fetch() {
	sources=$(ls /etc/apt/sources.list.d/debian.sources 2>/dev/null) || return 1
	mirror=$(sed -n 's/^URIs: *\([^ ]*\).*/\1/p' "$sources" | head -n 1)
	[ -n "$mirror" ] || return 1
	rm -rf "$new.new"
	mkdir -p "$new.new/lists/partial" "$new.new/archives/partial"
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror bookworm-backports main" >"$new.new/list"
	# A private view of the archive: own source list, own package lists.
	set -- -qq -o "Dir::Etc::sourcelist=$new.new/list" -o Dir::Etc::sourceparts=- \
		-o "Dir::State::lists=$new.new/lists" -o "Dir::Cache::archives=$new.new/archives" \
		-o "Dir::Cache::pkgcache=" -o "Dir::Cache::srcpkgcache=" -o APT::Sandbox::User=
	apt-get "$@" update || return 1
	(cd "$new.new" && apt-get "$@" download borgbackup) || return 1
	dpkg-deb -x "$new.new"/borgbackup_*.deb "$new.new/root" || return 1
	rm -rf "$new.new/lists" "$new.new/archives" "$new.new"/*.deb "$new"
	mv "$new.new" "$new"
}

# Of a borg that is no script of Python, or not the package of its interpreter, it
# is only another name.
python=$(sed -n '1s/^#! *\([^ ]*python[0-9.]*\)$/\1/p;q' "$own" 2>/dev/null) || python=
door=$cache/borg-own/borg
if [ -n "$python" ]; then
	door "$door" "$python"
fi
if [ -z "$python" ] || [ "$("$door" --version 2>/dev/null)" != "$("$own" --version)" ]; then
	mkdir -p "$(dirname "$door")"
	ln -sfn "$own" "$door"
fi

case "$("$own" --version)" in
"borg 1.2."*) ;;
*)
	echo "$door"
	exit 0
	;;
esac

packages=$new/root/usr/lib/python3/dist-packages
if [ ! -d "$packages" ] && ! fetch >&2; then
	echo "borg 1.4 cannot be had from backports here: testing with $("$own" --version) only" >&2
fi
if [ -d "$packages" ]; then
	# Installed, a package is compiled; unpacked, each start would do it again.
	set -- "$packages"/borg/__pycache__/archiver.*.pyc
	[ -e "$1" ] || /usr/bin/python3 -m compileall -q "$packages" >&2
	door "$new/borg" /usr/bin/python3 "$packages"
fi
if [ -x "$new/borg" ] && "$new/borg" --version >/dev/null 2>&1; then
	echo "$door:$new/borg"
else
	echo "$door"
fi
