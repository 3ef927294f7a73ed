"""Reads a lake as its users do: with pyarrow's datasets and with DuckDB, by Hive partitions.

    readers.py compare LAKE PREFIX KEY TESTIMONY    do both find what was served? (see oracle.py)
    readers.py query LAKE SQL_FILE                  the rows that DuckDB answers, where the query's
                                                    data/ stands for LAKE/

`compare` prints {"violations": [...], "rows": {reader: number}}.
"""

import json
import pathlib
import sys

import duckdb
import pyarrow
import pyarrow.dataset

import canonical
import lake

PARTITION = ("year", "month", "day")


def main():
    task, folder, *arguments = sys.argv[1:]
    if task == "compare":
        prefix, key, testimony = arguments
        served = lake.parse(pathlib.Path(testimony).read_text(encoding="utf-8"))["records"]
        answer = compare(folder, prefix, key, served)
    elif task == "query":
        sql = pathlib.Path(arguments[0]).read_text(encoding="utf-8")
        answer = arrow_rows(duckdb.sql(sql.replace("'data/", f"'{folder}/")))
    else:
        raise SystemExit(f"no task {task}")
    print(json.dumps(answer, ensure_ascii=False, default=str))


def compare(folder, prefix, key, served):
    expected = {}
    for listed in served:
        partition = [int(part) for part in listed["published"][:10].split("-")]
        one = canonical.record_id(listed["record"], key)
        expected[one] = (canonical.canonical(listed["record"]), partition)
    readers = {"pyarrow": read_with_pyarrow, "duckdb": read_with_duckdb}
    violations, count = [], {}
    for name, read in readers.items():
        rows = read(folder, prefix)
        count[name] = len(rows)
        violations += [f"{name}: {what}" for what in differences(rows, dict(expected))]
    return {"violations": violations, "rows": count}


def differences(rows, expected):
    for row in rows:
        partition = [int(row.pop(name)) for name in PARTITION]
        one = row["_id"]
        if one not in expected:
            yield f"{one} was never served, or is in two rows"
            continue
        form, day = expected.pop(one)
        found = canonical.canonical(lake.record_of(row))
        if found != form:
            yield f"{one} is {found}, and was served as {form}"
        if partition != day:
            yield f"{one} is in the partition {partition}, and was published on {day}"
        if row["_ingested_at"] is None or row["_run_id"] is None:
            yield f"{one} doesn't say when it came, and by which run"
    for one in expected:
        yield f"{one} is missing"


def read_with_pyarrow(folder, prefix):
    # Names that begin with "_", such as the state's folder, are left out by default.
    files = pyarrow.dataset.dataset(
        pathlib.Path(folder, prefix), format="parquet", partitioning="hive")
    return files.to_table().to_pylist()


def read_with_duckdb(folder, prefix):
    files = f"{folder}/{prefix}/year=*/**/*.parquet"
    return arrow_rows(duckdb.sql(
        f"FROM read_parquet('{files}', hive_partitioning = true, union_by_name = true)"))


def arrow_rows(relation):
    """DuckDB's answer as Python objects. By way of Arrow, which needs no package of time zones."""
    table = relation.arrow()
    if isinstance(table, pyarrow.RecordBatchReader):
        table = table.read_all()
    return table.to_pylist()


if __name__ == "__main__":
    main()
