"""Judges a Delta table by three engines: what each of them sees is what the files have, each row once.

    delta.py TABLE          {"version": 2, "files": 3, "rows": 957, "violations": []}
    delta.py TABLE --watch  reads again and again until standard input ends; {"reads": 40, "counts": [0, 15], "violations": []}
    delta.py --sql FILE QUERY   the rows of a query, after the statements of `bronzed tables sql`
"""

import json
import pathlib
import sys
import threading

import duckdb
import polars
import pyarrow.parquet
from deltalake import DeltaTable, QueryBuilder


def extension():
    found = pathlib.Path(sys.prefix).rglob("delta.duckdb_extension")
    beside = pathlib.Path(duckdb.__file__).parent.parent.rglob("delta.duckdb_extension")
    return next(iter([*found, *beside]))


def database():
    made = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    made.execute(f"LOAD '{extension()}'")
    return made


def ids_of_files(table):
    ids = []
    for file in sorted(pathlib.Path(table).glob("year=*/**/*.parquet")):
        ids += pyarrow.parquet.read_table(file, columns=["_id"]).column("_id").to_pylist()
    return sorted(ids)


def rows_by_delta_rs(table, columns):
    """Not by `to_pyarrow_table`, whose threads abort most processes that end soon after it."""
    query = QueryBuilder().register("stored", DeltaTable(table))
    return pyarrow.table(query.execute(f"SELECT {columns} FROM stored").read_all())


def seen(table, engine):
    return {
        "delta-rs": lambda: rows_by_delta_rs(table, '"_id"').column("_id").to_pylist(),
        "polars": lambda: polars.scan_delta(table).select("_id").collect()["_id"].to_list(),
        "duckdb": lambda: [row[0] for row in database().execute(f"SELECT _id FROM delta_scan('{table}')").fetchall()],
    }[engine]()


def judge(table):
    violations, stored = [], ids_of_files(table)
    for engine in ("delta-rs", "polars", "duckdb"):
        ids = sorted(seen(table, engine))
        if ids != stored:
            violations.append(f"{engine} sees {len(ids)} rows, the files have {len(stored)}")
    whole = DeltaTable(table)
    lake = pyarrow.parquet.read_schema(next(pathlib.Path(table).glob("year=*/**/*.parquet")))
    missing = [name for name in lake.names if name not in whole.schema().to_arrow().names]
    if missing:
        violations.append(f"the table has no column {missing}")
    # Skipping by statistics finds what a full read finds.
    for value in {min(stored), max(stored)}:
        query = f"SELECT count(*) FROM delta_scan('{table}') WHERE _id = '{value}'"
        if database().execute(query).fetchone() != (1,):
            violations.append(f"duckdb doesn't find {value}")
    files = whole.file_uris() if hasattr(whole, "file_uris") else whole.files()
    return {"version": whole.version(), "files": len(files), "rows": len(stored), "violations": violations}


def watch(table):
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    reads, most, counts, violations = 0, {"delta-rs": 0, "duckdb": 0}, set(), []
    while not ended.is_set() or reads < 4:
        for engine in most:
            if not (pathlib.Path(table) / "_delta_log" / f"{0:020}.json").exists():
                ended.wait(0.05)
                continue
            ids = seen(table, engine)
            reads += 1
            if len(ids) != len(set(ids)):
                violations.append(f"{engine} sees a row twice")
            if len(ids) < most[engine]:
                violations.append(f"{engine} saw {most[engine]} rows, and now {len(ids)}")
            most[engine] = len(ids)
            counts.add(len(ids))
    return {"reads": reads, "counts": sorted(counts), "violations": violations}


def query(file, text):
    made = database()
    # The extension is a package here, and isn't fetched.
    made.execute(pathlib.Path(file).read_text(encoding="utf-8").replace("INSTALL delta; LOAD delta;", ""))
    return made.execute(text).fetchall()


def main():
    if sys.argv[1] == "--sql":
        return query(*sys.argv[2:])
    return watch(sys.argv[1]) if "--watch" in sys.argv else judge(sys.argv[1])


if __name__ == "__main__":
    print(json.dumps(main()))
