"""Reads a Delta table by its URL, as delta-rs and Polars reach it: rows of some columns, sorted as text.

    delta_url.py URL COLUMN …      [["7@2025-01-20T00:00:00"], …]

Options of the store are in the environment, under the names that all its clients take.
"""

import json
import os
import sys

import polars
import pyarrow
from deltalake import DeltaTable, QueryBuilder

# Prefix of the options of a store, and one that the program finds by itself: these clients speak TLS alone unless they are told.
STORES = {
    "s3": ("AWS_", {}),
    "az": ("AZURE_", {"AZURE_ALLOW_HTTP": "true"}),
    "gs": ("GOOGLE_", {"GOOGLE_ALLOW_HTTP": "true"}),
}


def plain(rows):
    return sorted(([*row] for row in rows), key=lambda row: json.dumps(row, ensure_ascii=False, separators=(",", ":")))


def by_delta_rs(url, options, columns):
    query = QueryBuilder().register("stored", DeltaTable(url, storage_options=options))
    names = ", ".join(f'"{name}"' for name in columns)
    rows = pyarrow.table(query.execute(f"SELECT {names} FROM stored").read_all()).to_pylist()
    return plain([row[name] for name in columns] for row in rows)


def by_polars(url, options, columns):
    return plain(polars.scan_delta(url, storage_options=options).select(columns).collect().rows())


def main():
    url, *columns = sys.argv[1:]
    prefix, options = STORES.get(url.split(":")[0], ("-", {}))
    options = options | {name: value for name, value in os.environ.items() if name.startswith(prefix)}
    rows = by_delta_rs(url, options, columns)
    if by_polars(url, options, columns) != rows:
        sys.exit("Polars sees other rows than delta-rs")
    return rows


if __name__ == "__main__":
    print(json.dumps(main()))
