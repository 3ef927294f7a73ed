#!/usr/bin/env bash
# Runs the program as the image would, without a container engine: in the root that the image is made
# of, mounted read-only, as the image's user, with its environment, its command and its health check.
# Shows that the libraries and certificates are all there, that a folder lake on a mounted volume works
# without root, and that SIGTERM ends the daemon well.
#
#   container.sh target/debug/bronzed target/deploy      (as root: it mounts and changes root)
set -euo pipefail

program=$(readlink --canonicalize "$1")
work=$(readlink --canonicalize-missing "$2")
here=$(cd "$(dirname "$0")/../.." && pwd)

if ((EUID)); then
    printf 'container.sh must be root: it mounts the root read-only and changes into it\n' >&2
    exit 1
fi
if [[ ${IN_OWN_MOUNTS:-} != yes ]]; then
    # Whatever is mounted goes away with the process.
    IN_OWN_MOUNTS=yes exec unshare --mount "$BASH" "$0" "$program" "$work"
fi

rm -rf "$work"
mkdir -p "$work"
bash "$here/deploy/container/rootfs.sh" "$program" "$work/rootfs"
size=$(du -sh "$work/rootfs" | cut -f 1)
install -d -o 65532 -g 65532 "$work/volume"
mkdir -p "$work/rootfs/proc" "$work/rootfs/dev"
mount --bind "$work/rootfs" "$work/rootfs"
mount --bind "$work/volume" "$work/rootfs/lake"
mount -t proc proc "$work/rootfs/proc"
mount --bind /dev "$work/rootfs/dev"
mount -o remount,ro,bind "$work/rootfs"

if touch "$work/rootfs/written" 2> /dev/null; then
    printf 'the root is not read-only\n' >&2
    exit 1
fi

"$program" simulate --faults 0 > "$work/simulator.log" 2>&1 &
simulator=$!
daemon=
trap 'kill "$simulator" ${daemon:+"$daemon"} 2> /dev/null || true' EXIT
until grep --quiet SOURCES__PNCP "$work/simulator.log"; do
    kill -0 "$simulator"
    sleep 0.1
done

# Everything that the Dockerfile sets, on a free port of loopback, and the simulated API.
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
settings=(
    BRONZED__LAKE__URL=file:///lake
    BRONZED__SERVER__LISTEN=127.0.0.1:"$port"
    BRONZED__TELEMETRY__FORMAT=json
    "$(grep --only-matching 'BRONZED__SOURCES__PNCP__BASE_URL=[^ ]*' "$work/simulator.log")"
)
inside() {
    env -i "${settings[@]}" "$(command -v chroot)" --userspec=65532:65532 "$work/rootfs" /bronzed "$@"
}

inside check > "$work/check.txt"
inside run pncp.contratacoes --day 2025-10-22 > "$work/run.txt"
file=$(find "$work/volume" -name '*.parquet' | head -n 1)
[[ -n $file ]] || { printf 'no file in the lake\n' >&2; exit 1; }
[[ $(stat --format=%u "$file") == 65532 ]] || { printf '%s belongs to somebody else\n' "$file" >&2; exit 1; }

env -i "${settings[@]}" "$(command -v chroot)" --userspec=65532:65532 "$work/rootfs" /bronzed daemon > "$work/daemon.log" 2>&1 &
daemon=$!
for ((tries = 0; ; tries++)); do
    inside healthcheck > /dev/null 2>&1 && break
    if ((tries == 100)) || ! kill -0 "$daemon" 2> /dev/null; then
        printf 'the daemon never became healthy:\n' >&2
        cat "$work/daemon.log" >&2
        exit 1
    fi
    sleep 0.2
done
kill -TERM "$daemon"
status=0
wait "$daemon" || status=$?
daemon=
if ((status)); then
    printf 'the daemon ended with %d after SIGTERM:\n' "$status" >&2
    cat "$work/daemon.log" >&2
    exit 1
fi
if inside healthcheck > /dev/null 2>&1; then
    printf 'the health check is content with a daemon that is gone\n' >&2
    exit 1
fi
printf 'the image'\''s root works: read-only, as uid 65532, %s in the lake; %s in all\n' \
    "$(find "$work/volume" -name '*.parquet' | wc -l) file(s)" "$size"
