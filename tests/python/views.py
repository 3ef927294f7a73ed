"""Judges the SQL that `bronzed views` prints.

    views.py LAKE SQL_FILE          is each view the latest version of each record, in flat columns?
    views.py LAKE SQL_FILE QUERY    the rows that a query answers

The first prints {"views": 24, "superseded": 61, "violations": []}: `superseded` counts the rows that a later version replaces.
"""

import json
import pathlib
import re
import sys

import duckdb

ROWS = "read_parquet('{}/year=*/**/*.parquet', hive_partitioning = true, union_by_name = true, filename = true, " \
       "file_row_number = true)"


def main():
    folder, file, *query = sys.argv[1:]
    database = duckdb.connect()
    sql = pathlib.Path(file).read_text(encoding="utf-8")
    database.execute(sql)
    if query:
        answer = database.sql(query[0]).to_arrow_table().to_pylist()
        print(json.dumps(answer, default=str))
        return
    views = dict(re.findall(r'CREATE OR REPLACE VIEW "(\w+)".*?\'([^\']+)/year=\*', sql, re.S))
    superseded, violations = 0, []
    for view, table in views.items():
        if not table.startswith(folder + "/"):
            violations.append(f"{view} reads {table}")
        relation = database.sql(f"FROM {view}")
        for name, kind in zip(relation.columns, relation.types):
            is_struct = str(kind).startswith("STRUCT") and not str(kind).endswith("[]")
            if is_struct or not re.fullmatch(r"[a-z][a-z0-9_]*", name):
                violations.append(f"{view}.{name} is {kind}")
        latest, rows = newest(database, table)
        superseded += rows - sum(latest.values())
        found = {}
        for row in relation.project("year, month, day").fetchall():
            found[row] = found.get(row, 0) + 1
        if found != latest:
            violations.append(f"{view} has {found} rows by day; the latest versions are {latest}")
    commented = database.sql("SELECT count(comment) FROM duckdb_columns() WHERE NOT internal").fetchall()[0][0]
    if commented < 500:
        violations.append(f"{commented} columns have a comment")
    print(json.dumps({"views": len(views), "superseded": superseded, "violations": violations}))


def newest(database, table):
    """Returns the number of latest versions by day, found without SQL's windows, and the number of rows."""
    rows = database.sql(
        f"SELECT _key, _version, _op, filename, file_row_number, year, month, day FROM {ROWS.format(table)}").fetchall()
    latest = {}
    for key, version, op, file, number, *day in rows:
        # A stamp tells which version is the last; a hash, or the word of a snapshot, doesn't.
        stamp = version if version and re.match(r"\d{4}-\d\d-\d\d", version) else ""
        order = (stamp, file, number)
        if key not in latest or order > latest[key][0]:
            latest[key] = (order, op, tuple(day))
    count = {}
    for _, op, day in latest.values():
        if op != "vanished":
            count[day] = count.get(day, 0) + 1
    return count, len(rows)


if __name__ == "__main__":
    main()
