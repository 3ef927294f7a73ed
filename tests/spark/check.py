"""Runs what a page says of Spark over the lake of a demo, and compares every value of the table with what pyarrow reads of the same files.

    check.py PROGRAM PAGE FOLDER
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pyarrow.dataset

PROGRAM, PAGE, FOLDER = (pathlib.Path(argument).resolve() for argument in sys.argv[1:])
# Columns of each type that a file has: text, integer, decimal, boolean, times, a struct.
COLUMNS = [
    "_id", "numeroControlePNCP", "anoCompra", "valorTotalEstimado", "srp", "dataPublicacaoPncp", "_ingested_at", "orgaoEntidade", "year",
    "month", "day",
]


def plain(value):
    """Returns a value in a form that both libraries share: rows as dicts, instants in UTC."""
    if hasattr(value, "asDict"):
        value = value.asDict()
    if isinstance(value, dict):
        return {name: plain(member) for name, member in value.items()}
    if getattr(value, "tzinfo", None):
        return value.astimezone(tz=None).replace(tzinfo=None)
    return value


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    lake = FOLDER / "data"
    subprocess.run([PROGRAM, "demo", lake], check=True, stdout=subprocess.DEVNULL)

    (code,) = (block for block in re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.M | re.S) if "pyspark" in block)
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    os.environ["PYSPARK_SUBMIT_ARGS"] = "--master local[2] --conf spark.ui.enabled=false pyspark-shell"
    # Times without an offset, and instants, come as local times of the process.
    os.environ["TZ"] = "UTC"
    os.chdir(FOLDER)
    names = {}
    exec(compile(code, str(PAGE), "exec"), names)
    table = names["table"]
    by_spark = [{name: plain(row[name]) for name in COLUMNS} for row in table.select(COLUMNS).collect()]
    names["spark"].stop()

    files = sorted((lake / "pncp").glob("year=*/**/*.parquet"))
    partitions = pyarrow.dataset.partitioning(flavor="hive")
    by_arrow = pyarrow.dataset.dataset([str(file) for file in files], partitioning=partitions, partition_base_dir=str(lake / "pncp"))
    expected = [{name: plain(row[name]) for name in COLUMNS} for row in by_arrow.to_table(columns=COLUMNS).to_pylist()]

    ids = [row["_id"] for row in by_spark]
    assert len(ids) == len(set(ids)), "Spark sees a row twice"
    order = lambda row: row["_id"]
    for spark, arrow in zip(sorted(by_spark, key=order), sorted(expected, key=order), strict=True):
        assert spark == arrow, f"Spark: {spark}\npyarrow: {arrow}"
    print(f"{len(ids)} rows of {len(files)} files, each value by Spark as by pyarrow")


main()
