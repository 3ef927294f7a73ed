#!/usr/bin/env python3
"""Compares the size of bronze files with that of pyarrow's for the same rows, at the same level of zstd.

    benches/parquet_size.py LAKE        a lake that `benches/processes.py` or a run has filled; needs pyarrow

Each file is read by pyarrow and written again by it: with dictionaries and pages as it chooses, in one row group. Files
of less than 100 rows are left out: they are mostly metadata.
"""

import io
import sys
from pathlib import Path

import pyarrow.parquet as parquet

LEVEL = 3


def main():
    ours = theirs = rows = files = 0
    for path in sorted(Path(sys.argv[1]).rglob("*.parquet")):
        table = parquet.read_table(path, partitioning=None)
        if table.num_rows < 100:
            continue
        written = io.BytesIO()
        parquet.write_table(table, written, compression="zstd", compression_level=LEVEL, row_group_size=max(table.num_rows, 1))
        ours += path.stat().st_size
        theirs += len(written.getvalue())
        rows += table.num_rows
        files += 1
    if not files:
        sys.exit("no file with 100 rows")
    print(f"{files} files, {rows:,} rows: {ours:,} bytes, pyarrow {theirs:,}: {ours / theirs:.3f} x")


if __name__ == "__main__":
    main()
