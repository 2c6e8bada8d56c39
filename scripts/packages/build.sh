#!/bin/sh
# Makes packages, tarballs and their checksums from programs that are built
# already: one of each kind for each program and architecture.
#
#	build.sh VERSION DATE BIN BUILT NFPM OUT
#
# BIN holds the programs for this machine, which say themselves what is in their
# manual pages and completions; BUILT/amd64 and BUILT/arm64 hold what is packed.
# The same commit gives the same files.
set -eu

VERSION=$1 DATE=${2:-1970-01-01T00:00:00Z}
mkdir -p "$6"
bin=$(realpath "$3") built=$(realpath "$4") nfpm=$(realpath "$5") out=$(realpath "$6")
here=$(realpath "$(dirname "$0")")
root=$(realpath "$here/../..")
# There is no such address, and the name says so. Who passes packages on names
# somebody who answers: MAINTAINER='Name <address>' make packages.
MAINTAINER=${MAINTAINER:-borgfleet maintainers <maintainers@borgfleet.invalid>}
SOURCE_DATE_EPOCH=$(date -u -d "$DATE" +%s)
export VERSION MAINTAINER SOURCE_DATE_EPOCH

umask 022
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rm -f "$out"/borgfleet-* "$out"/SHA256SUMS

# share collects what is the same on every architecture.
share() { # program, side
	to=$work/$1/share
	mkdir -p "$to/systemd" "$to/doc"
	"$work/reference" -man "$to" -version "$VERSION" -date "${DATE%T*}" "$bin/$1"
	gzip -9n "$to/$1.1"
	for shell in bash zsh fish; do
		"$bin/$1" completion "$shell" >"$to/completion.$shell"
	done
	cp "$root/$2/systemd/$1.service" "$to/systemd/"
	# Documents name each other by their paths in the source: the same here.
	mkdir -p "$to/doc/$2"
	cp -r "$root/docs" "$root"/*.md "$to/doc/"
	cp "$here/copyright" "$to/doc/"
	(cd "$root" && "$work/notices" "$built"/*/"$1") >"$to/doc/third-party-notices"
	(cd "$root" && "$here/changelog.sh" "$1" "$VERSION" "$DATE" "$MAINTAINER") >"$to/doc/changelog"
	gzip -9n "$to/doc/third-party-notices" "$to/doc/changelog"
	if [ "$2" = agent ]; then
		cp -r "$root/agent/hooks" "$to/doc/agent/"
		mkdir "$to/doc/agent/systemd"
		cp "$root"/agent/systemd/*.conf "$to/doc/agent/systemd/"
	else
		rmdir "$to/doc/$2"
	fi
	# Whatever umask the source came here under.
	chmod -R u=rwX,go=rX "$to"
}

# scripts fills in the maintainer scripts.
scripts() { # program, state directory, what is kept, next step
	mkdir -p "$work/$1/deb" "$work/$1/rpm" "$work/$1/etc"
	for script in deb/preinst deb/postinst deb/prerm deb/postrm rpm/post rpm/preun rpm/postun lintian-overrides; do
		sed -e "s|PROGRAM|$1|g" -e "s|STATE|$2|g" -e "s|KEPT|$3|g" -e "s|NEXT|$4|g" "$here/$script" >"$work/$1/$script"
	done
	cp "$here"/etc/* "$work/$1/etc/"
	chmod -R u=rwX,go=rX "$work/$1/etc" # as above
}

tarball() { # program, side, arch
	name=$1_${VERSION}_linux_$3
	dir=$work/tar/$name
	mkdir -p "$dir"
	cp -r "$work/$1/share/." "$dir/"
	cp "$built/$3/$1" "$dir/"
	cp "$here/etc/$2.env" "$dir/"
	[ "$2" = agent ] || cp "$here"/etc/borgfleet-controller.* "$dir/"
	chmod -R u=rwX,go=rX "$dir"
	tar -C "$work/tar" --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner -cf - "$name" | gzip -9n >"$out/$name.tar.gz"
	rm -rf "$work/tar"
}

(cd "$root" && go build -o "$work/" ./scripts/reference ./scripts/notices)
share borgfleet-controller controller
share borgfleet-agent agent
scripts borgfleet-controller /var/lib/borgfleet \
	"the fleet's certificate authority, history and definitions are in it" \
	"set BORGFLEET_AGENT_URL in /etc/borgfleet/controller.env, then: systemctl enable --now borgfleet-controller"
scripts borgfleet-agent /var/lib/borgfleet-agent \
	"this host's keys are in it, borg's key files among them, without which there may be backups that nobody can open" \
	"borgfleet-agent enroll --help, then: systemctl enable --now borgfleet-agent"
pack() { # program, side, arch
	cp "$built/$3/$1" "$work/$1/"
	# nfpm takes the times of files from the files.
	find "$work/$1" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
	for kind in deb rpm; do
		(cd "$work/$1" && ARCH=$3 "$nfpm" package -f "$here/$2.yaml" -p "$kind" -t "$out/" >"$work/said" 2>&1) ||
			{ cat "$work/said" >&2; exit 1; }
	done
}

for arch in amd64 arm64; do
	for side in controller agent; do
		pack "borgfleet-$side" "$side" "$arch"
		tarball "borgfleet-$side" "$side" "$arch"
	done
done
(cd "$out" && sha256sum borgfleet-* >SHA256SUMS)
ls -l "$out"
