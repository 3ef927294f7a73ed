"""Holds an exported file against the files that it was made of, read by pyarrow.

    export.py FILE FOLDER [COLUMN,COLUMN]   {"rows": 300, "violations": []}

FOLDER has the Parquet files at any depth; nested columns are compared member by member.
"""

import csv
import datetime
import decimal
import json
import pathlib
import sys

import pyarrow.parquet


def flat(row, before=""):
    cells = {}
    for name, value in row.items():
        if isinstance(value, dict):
            cells |= flat(value, f"{before}{name}.")
        elif value is not None:
            cells[f"{before}{name}"] = value
    return cells


def stored(folder):
    files = [path for path in pathlib.Path(folder).rglob("*.parquet") if "_compacted" not in path.parts]
    for file in sorted(files):
        # Without the partitions, which pyarrow would take from the folders' names.
        for row in pyarrow.parquet.ParquetFile(file).read().to_pylist():
            yield flat(row)


def exported(file):
    if file.endswith(".parquet"):
        yield from (flat(row) for row in pyarrow.parquet.ParquetFile(file).read().to_pylist())
        return
    with open(file, encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, strict=True):
            yield {name: text for name, text in row.items() if text != ""}


def same(value, found):
    """A value of pyarrow, and a value of the export: of its type, or as text."""
    if isinstance(value, list) and isinstance(found, str):
        found = json.loads(found, parse_float=decimal.Decimal)
        return len(value) == len(found) and all(map(same, value, found))
    if isinstance(value, dict):
        value = {name: member for name, member in value.items() if member is not None}
        return value.keys() == found.keys() and all(same(value[name], found[name]) for name in value)
    if not isinstance(found, str):
        return value == found
    if isinstance(value, bool):
        return found == str(value).lower()
    if isinstance(value, (int, decimal.Decimal)):
        return decimal.Decimal(found) == value
    if isinstance(value, float):
        return float(found) == value
    if isinstance(value, datetime.datetime):
        return datetime.datetime.fromisoformat(found) == value
    if isinstance(value, datetime.date):
        return datetime.date.fromisoformat(found) == value
    return found == value


def main():
    file, folder, *columns = sys.argv[1:]
    columns = columns[0].split(",") if columns else None
    expected = [{name: value for name, value in row.items() if columns is None or name in columns}
                for row in stored(folder)]
    # An empty text and no value are one in a file that Python's csv has read.
    if file.endswith(".csv"):
        expected = [{name: value for name, value in row.items() if value != ""} for row in expected]
    found, violations = list(exported(file)), []
    if len(found) != len(expected):
        violations.append(f"{len(found)} rows instead of {len(expected)}")
    for number, (one, other) in enumerate(zip(expected, found)):
        for name in sorted(one.keys() | other.keys()):
            if name not in one or name not in other or not same(one[name], other[name]):
                violations.append(f"row {number}, {name}: {one.get(name)!r}, exported as {other.get(name)!r}")
    print(json.dumps({"rows": len(found), "violations": violations[:20]}))


if __name__ == "__main__":
    main()
