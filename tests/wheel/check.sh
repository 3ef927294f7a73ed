#!/usr/bin/env bash
# What is said of the wheel: it brings the program in the version that it is labelled with, and the first command
# works in an empty folder. `check.sh BIN`, of the environment that the wheel alone was installed into.
set -euo pipefail
bin=$1

labelled=$("$bin/python" -c 'import importlib.metadata; print(importlib.metadata.version("bronzed"))')
built=$("$bin/bronzed" --version)
[[ $built == "bronzed $labelled"* ]] || { printf 'the wheel of %s has %s\n' "$labelled" "$built" >&2; exit 1; }

"$bin/bronzed" demo > first.txt 2> log.txt
[[ $(find demo-lake/pncp -name '*.parquet' | wc -l) == 3 ]] || { cat first.txt log.txt >&2; exit 1; }
"$bin/bronzed" demo > second.txt 2> log.txt
grep --quiet 'Only duplicates this time' second.txt || { cat second.txt log.txt >&2; exit 1; }
printf '%s from a wheel of %s: a day read, and nothing twice\n' "$built" "$labelled"
