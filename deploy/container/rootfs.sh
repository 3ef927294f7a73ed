#!/usr/bin/env bash
# Lays out the root of the container: the program, the shared libraries that it is linked to, the
# root certificates, and the one user. The image is built from it, and the checks run the program in
# it, without a container engine.
#
#   rootfs.sh target/dist/bronzed /rootfs
set -euo pipefail

program=$1
root=$2
# Debian's ca-certificates puts it there, and the program's TLS looks for it there.
certificates=/etc/ssl/certs/ca-certificates.crt

install -D -m 755 "$program" "$root/bronzed"

# `ldd` prints "name => path (address)" and, of the loader, "path (address)".
ldd "$program" | grep -o '/[^ )]*' | sort -u | while read -r library; do
    install -D -m 755 "$(readlink --canonicalize "$library")" "$root$library"
done

if [[ ! -s $certificates ]]; then
    printf '%s is missing: install ca-certificates\n' "$certificates" >&2
    exit 1
fi
install -D -m 644 "$certificates" "$root$certificates"

install -d -m 755 "$root/etc" "$root/lake"
printf 'bronzed:x:65532:65532:bronzed:/:/sbin/nologin\n' > "$root/etc/passwd"
printf 'bronzed:x:65532:\n' > "$root/etc/group"
# Names: the hosts file of the container first, then its DNS server.
printf 'hosts: files dns\n' > "$root/etc/nsswitch.conf"
