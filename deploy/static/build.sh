#!/usr/bin/env bash
# Builds the program for musl, statically linked, and lays out what a release offers of it: an archive, and a wheel for
# any Linux of that processor. Zig is the C compiler, so that a machine needs no cross compiler.
#
#   build.sh x86_64-unknown-linux-musl dist      PROFILE=dev builds faster, to try it
#
# Needs `make`, `rustup target add TARGET`, and what the two requirements.txt name (here, and tests/wheel) on the PATH.
set -euo pipefail
cd "$(dirname "$0")/../.."
target=$1
out=$2
profile=${PROFILE:-dist}

folder=$profile
[[ $profile == dev ]] && folder=debug
program=${CARGO_TARGET_DIR:-target}/$target/$folder/bronzed

# On x86_64 with jemalloc. Elsewhere musl's own allocator stays: a jemalloc that is built for small pages doesn't start on
# a kernel of larger ones.
features=()
[[ $target == x86_64-* ]] && features=(--features jemalloc)

cargo zigbuild --locked --profile "$profile" --target "$target" --package bronzed --bin bronzed ${features[@]+"${features[@]}"}
if readelf --program-headers --wide "$program" | grep --quiet INTERP; then
    printf '%s asks for a loader: it is not static\n' "$program" >&2
    exit 1
fi

version=$(sed -n '/^\[workspace.package\]/,/^$/s/^version = "\(.*\)"$/\1/p' Cargo.toml)
name=bronzed-$version-$target
rm -rf "$out/$name"
mkdir -p "$out/$name"
cp "$program" README.md LICENSE-APACHE LICENSE-MIT deploy/systemd/bronzed.service "$out/$name/"
tar --create --gzip --file "$out/$name.tar.gz" --directory "$out" "$name"
rm -rf "${out:?}/$name"

# The static program asks nothing of a libc, so that the wheel is of any.
maturin build --quiet --locked --zig --profile "$profile" --target "$target" ${features[@]+"${features[@]}"} \
    --compatibility manylinux2014 musllinux_1_2 --out "$out"
