#!/bin/sh
# Prints the borgs that the tests run with, as a list separated by colons: the
# machine's own and, on Debian 12, borg 1.4 unpacked from backports beside it.
# Nothing on the system is changed, and no rights are needed. Where 1.4 cannot
# be had, the tests run with what is there, and this says so.
set -eu

own=$(command -v borg)
cache=$(cd "$(dirname "$0")/.." && pwd)/.cache/borg-1.4
wrapper=$cache/borg

case "$("$own" --version)" in
"borg 1.2."*) ;;
*)
	echo "$own"
	exit 0
	;;
esac

fetch() {
	sources=$(ls /etc/apt/sources.list.d/debian.sources 2>/dev/null) || return 1
	mirror=$(sed -n 's/^URIs: *\([^ ]*\).*/\1/p' "$sources" | head -n 1)
	[ -n "$mirror" ] || return 1
	rm -rf "$cache.new"
	mkdir -p "$cache.new/lists/partial" "$cache.new/archives/partial"
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror bookworm-backports main" >"$cache.new/list"
	# A private view of the archive: own source list, own package lists.
	set -- -qq -o "Dir::Etc::sourcelist=$cache.new/list" -o Dir::Etc::sourceparts=- \
		-o "Dir::State::lists=$cache.new/lists" -o "Dir::Cache::archives=$cache.new/archives" \
		-o "Dir::Cache::pkgcache=" -o "Dir::Cache::srcpkgcache=" -o APT::Sandbox::User=
	apt-get "$@" update || return 1
	(cd "$cache.new" && apt-get "$@" download borgbackup) || return 1
	dpkg-deb -x "$cache.new"/borgbackup_*.deb "$cache.new/root" || return 1
	cat >"$cache.new/borg" <<EOF
#!/bin/sh
PYTHONPATH=$cache/root/usr/lib/python3/dist-packages exec /usr/bin/python3 $cache/root/usr/bin/borg "\$@"
EOF
	chmod 755 "$cache.new/borg"
	rm -rf "$cache.new/lists" "$cache.new/archives" "$cache.new"/*.deb "$cache"
	mv "$cache.new" "$cache"
}

if [ ! -x "$wrapper" ] && ! fetch >&2; then
	echo "borg 1.4 cannot be had from backports here: testing with $("$own" --version) only" >&2
fi
if [ -x "$wrapper" ] && "$wrapper" --version >/dev/null 2>&1; then
	echo "$own:$wrapper"
else
	echo "$own"
fi
