#!/bin/sh
# Prepares OUT for docker build or buildah build: the controller for each
# architecture in BUILT, and what little else a container has.
#
#	image.sh BUILT OUT
set -eu

built=$1 out=$2
umask 022
rm -rf "$out"
mkdir -p "$out/etc/ssl/certs" "$out/data"
chmod 700 "$out/data"
for arch in amd64 arm64; do
	mkdir "$out/linux-$arch"
	cp "$built/$arch/borgfleet-controller" "$out/linux-$arch/"
done
echo 'borgfleet:x:10001:10001:borgfleet controller:/var/lib/borgfleet:/sbin/nologin' >"$out/etc/passwd"
echo 'borgfleet:x:10001:' >"$out/etc/group"
authorities=/etc/ssl/certs/ca-certificates.crt
if [ -e "$authorities" ]; then
	cp "$authorities" "$out/etc/ssl/certs/"
else
	echo "there is no $authorities: the image trusts no public authority" >&2
fi
here=$(dirname "$0")
mkdir -p "$out/doc"
cp "$here/copyright" "$out/doc/"
go run ./scripts/notices "$out"/*/borgfleet-controller >"$out/doc/third-party-notices"
gzip -9n "$out/doc/third-party-notices"
cp "$here/Dockerfile" "$out/"
