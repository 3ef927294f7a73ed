"""Shows a silver table as engines see it: types of columns, and rows by their keys.

    widened.py TABLE VERSION COLUMN…    {"duckdb": {"types": ["VARCHAR", …], "rows": [["a", "7"], …]}, "delta-rs": …}

delta-rs reads the version, DuckDB the newest one.
"""

import json
import sys

import pyarrow
from delta import database
from deltalake import DeltaTable, QueryBuilder


def plain(rows):
    return sorted([None if value is None else str(value) for value in row] for row in rows)


def by_duckdb(table, columns):
    found = database().execute(f"SELECT {', '.join(columns)} FROM delta_scan('{table}')")
    types = [str(column[1]) for column in found.description]
    return {"types": types, "rows": plain(found.fetchall())}


def by_delta_rs(table, version, columns):
    query = QueryBuilder().register("stored", DeltaTable(table, version=version))
    found = pyarrow.table(query.execute(f"SELECT {', '.join(columns)} FROM stored").read_all())
    rows = [[row[name] for name in columns] for row in found.to_pylist()]
    return {"types": [str(field.type) for field in found.schema], "rows": plain(rows)}


if __name__ == "__main__":
    _, path, number, *names = sys.argv
    print(json.dumps({"duckdb": by_duckdb(path, names), "delta-rs": by_delta_rs(path, int(number), names)}))
