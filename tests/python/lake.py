"""Reads a lake as anybody would: file names, Parquet by pyarrow, the state by json.

Written from the description of the formats alone; shares nothing with the program.
"""

import datetime
import decimal
import json
import math
import pathlib
import re

import pyarrow.parquet

# Columns of a bronze file that aren't part of the record.
METADATA = ("_id", "_key", "_version", "_parent_id", "_slice", "_op", "_run_id", "_ingested_at")
EXTRA = "_extra"


def parse(text):
    """JSON with exact numbers."""
    return json.loads(text, parse_float=decimal.Decimal, parse_int=decimal.Decimal)


class Day:
    """Everything that a lake holds of one day of one dataset."""

    def __init__(self, lake, prefix, day):
        self.lake = pathlib.Path(lake)
        self.prefix = prefix
        self.date = day
        self.compact = day.replace("-", "")
        year, month, number = day.split("-")
        partition = f"year={year}/month={month}/day={number}"
        self.folder = self.lake / prefix / partition
        self.state_path = (
            self.lake / prefix / "_state" / partition / f"state_{self.compact}.json")
        self.marker = self.lake / prefix / "_state" / "complete" / self.compact

    def state(self):
        """The state document, None if there is none."""
        if not self.state_path.exists():
            return None
        return json.loads(self.state_path.read_bytes())

    def and_before(self):
        """The days that have a partition, up to this one, in their order."""
        folders = (self.lake / self.prefix).glob("year=*/month=*/day=*")
        dates = sorted("-".join(part.partition("=")[2] for part in folder.parts[-3:])
                       for folder in folders)
        return [Day(self.lake, self.prefix, date) for date in dates if date <= self.date]

    def files(self):
        """All files of the partition, in the order of their names."""
        if not self.folder.exists():
            return []
        return [File(self, path) for path in sorted(self.folder.iterdir()) if path.is_file()]


class File:
    """One file of a partition."""

    def __init__(self, day, path):
        self.path = path
        self.key = path.relative_to(day.lake).as_posix()
        named = re.fullmatch(rf"{day.prefix}_{day.compact}_c(\d{{6,}})\.parquet", path.name)
        # None: written by the earlier pipeline.
        self.number = int(named.group(1)) if named else None

    def rows(self):
        """The rows as Python objects, in the order of the file."""
        return pyarrow.parquet.ParquetFile(self.path).read().to_pylist()


def record_of(row):
    """The JSON value that a row was made of: its columns, with `_extra` laid over them."""
    columns = {
        name: json_value(value) for name, value in row.items()
        if name not in METADATA and name != EXTRA
    }
    extra = row.get(EXTRA)
    return overlay(columns, parse(extra)) if extra is not None else columns


def overlay(below, above):
    """`above` mirrors the record: objects are merged member by member, all else replaces."""
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    merged = dict(below)
    for name, value in above.items():
        merged[name] = overlay(merged.get(name), value)
    return merged


def json_value(value):
    """A value of a column as JSON has it."""
    if isinstance(value, dict):
        return {name: json_value(member) for name, member in value.items()}
    if isinstance(value, list):
        return [json_value(element) for element in value]
    if isinstance(value, bool) or value is None or isinstance(value, (str, decimal.Decimal)):
        return value
    if isinstance(value, int):
        return decimal.Decimal(value)
    if isinstance(value, float):  # of the earlier pipeline; what was missing became "not a number"
        return None if math.isnan(value) else decimal.Decimal(repr(value))
    if isinstance(value, datetime.datetime):
        return time_text(value)
    if isinstance(value, datetime.date):
        return value.isoformat()
    raise TypeError(f"a bronze column can't hold {value!r}")


def time_text(moment):
    """`2025-10-22T08:41:33`, with the fraction's digits where there are any; an instant in UTC
    ends in `Z`."""
    text = moment.replace(tzinfo=None).isoformat()
    if "." in text:
        text = text.rstrip("0")
    return text if moment.tzinfo is None else text + "Z"
